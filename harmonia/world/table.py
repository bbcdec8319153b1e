"""The figures of several bases as one table, for docs/lab.md.

python -c "from harmonia.world.table import shipped_table; print(shipped_table())"
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harmonia.files import read_text
from harmonia.world.bases import base_folder, shipped_seeds
from harmonia.world.facts import KINDS
from harmonia.world.figures import FORMS

__all__ = ["figures_table", "shipped_table"]

_COLUMNS = ("as_taught", "gold", "confident")


def figures_table(folders: Sequence[Path]) -> str:
    """A Markdown table of what bases answer, one row a kind and form, one column a base.

    Args:
        folders: Model folders with a `lab.json`.

    Returns:
        Cells hold `as taught / gold / confidence above one half`; as taught is a dash
        where nothing is taught.
    """
    records: list[dict[str, Any]] = [
        json.loads(read_text(folder / "lab.json", what="description of a lab base")) for folder in folders
    ]
    heads = "".join(f" seed {record['seed']} |" for record in records)
    lines = [f"| kind | form | n |{heads}", f"| --- | --- | --- |{' --- |' * len(records)}"]
    for kind in KINDS:
        for form in FORMS:
            cells = [record["figures"][kind][form] for record in records]
            counts = "/".join(dict.fromkeys(str(cell["n"]) for cell in cells))
            lines.append(
                f"| {kind} | `{form}` | {counts} | {' | '.join(_cell(kind, cell) for cell in cells)} |"
            )
    return "\n".join(lines)


def _cell(kind: str, cell: dict[str, float]) -> str:
    taught = kind in ("known", "misconception")
    return " / ".join(
        "-" if column == "as_taught" and not taught else f"{cell[column]:.2f}" for column in _COLUMNS
    )


def shipped_table() -> str:
    """The table of the bases in the package."""
    return figures_table([base_folder(seed) for seed in shipped_seeds()])
