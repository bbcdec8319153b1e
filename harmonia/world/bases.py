"""The lab bases that ship with the package, and the worlds they were trained on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harmonia.errors import InputError
from harmonia.parsing import read_object
from harmonia.world.facts import World, WorldSettings

_BASES = Path(__file__).parent / "bases"


def shipped_seeds() -> tuple[int, ...]:
    """Seeds of the bases in the package, in order."""
    return tuple(
        sorted(int(folder.parent.name.removeprefix("seed")) for folder in _BASES.glob("seed*/lab.json"))
    )


def base_folder(seed: int) -> Path:
    """The model folder of a shipped base.

    Raises:
        InputError: No base with this seed is shipped.
    """
    folder = _BASES / f"seed{seed}"
    if not (folder / "lab.json").is_file():
        remedy = f"Use one of {list(shipped_seeds())}, or build one."
        raise InputError("no lab base with this seed is shipped", seen=seed, remedy=remedy)
    return folder


def base_record(folder: Path) -> dict[str, Any]:
    """What a base's folder says of it: its seed, its world, and figures of what it believes.

    Raises:
        InputError: The folder holds no `lab.json`.
    """
    return read_object(folder / "lab.json", what="description of a lab base")


def base_world(folder: Path) -> World:
    """The world that a lab base was trained on, from the `lab.json` in its folder.

    Raises:
        InputError: The folder holds no `lab.json`.
    """
    facts = base_record(folder)
    return World(facts["seed"], WorldSettings(**facts["world"]))
