"""`harmonia compare`: what a fine-tuning with any tool did to what a model knows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING, Annotated

import typer

from harmonia.cli import options as o
from harmonia.cli.given import Given
from harmonia.cli.items import read
from harmonia.cli.progress import Bars, err
from harmonia.cli.progress import out as console

if TYPE_CHECKING:
    from harmonia.models import ModelSettings


def compare(
    before: Annotated[str, typer.Option(help="The model before: a folder, or a hub id.")],
    after: Annotated[str, typer.Option(help="The model after: merged, an adapter folder, or a hub id.")],
    out: o.Out,
    items: Annotated[
        list[str] | None,
        typer.Option(
            "--items", "--suite", help="Questions: a file, a folder, or a data set id; again for more."
        ),
    ] = None,
    shots_from: o.ShotsFrom = None,
    canaries: Annotated[
        Path | None, typer.Option(help="Known facts held back: canaries.jsonl of harmonia audit.")
    ] = None,
    audit: Annotated[
        Path | None, typer.Option(help="Folder of harmonia audit to check: did conflicting rows cost facts?")
    ] = None,
    seed: o.Seed = 0,
) -> None:
    """Tell what a fine-tuning, by any tool, kept, lost and gained.

    A GGUF file is named by `model.gguf_file` (before) and `after.gguf_file`. Other settings of the table
    `model` are for both models, unless the table `after` says otherwise.

    Example: `harmonia compare --before MODEL --after tuned/ --items exam.jsonl --audit audit/ --out
    compared/ after_form=chat0`. Several exams: `--items law=law.jsonl --items arc_easy`.
    """
    from harmonia.compare import CompareSettings, Comparing
    from harmonia.compare.folder import require_audit_of, require_place, wanted_of, write_comparison
    from harmonia.compare.lead import lead_of
    from harmonia.models import LocalModel, fingerprint, load_model
    from harmonia.outputs import scratch

    given = Given.here()
    exams = _named(items or [])
    require_place(out, (before, after, *exams.values(), canaries, audit))
    settings = given.of(CompareSettings)
    which = _models(given, before, after)
    if not exams:
        given.none("items", "--items")
    asked = {name: read(given.items(place)) for name, place in exams.items()}
    shots = None if (source := given.shots(shots_from)) is None else read(source)
    noted = [fingerprint(one) for one in which]
    if audit is not None:
        require_audit_of(audit, noted[0])
    wanted, rows = wanted_of(settings, items=asked, shots=shots, canaries=canaries, audit=audit, seed=seed)

    def loaded(place: int) -> LocalModel:
        return load_model(which[place], noted[place])

    journal = scratch(out, "compared")
    comparing = Comparing(wanted=wanted, settings=settings, audited=rows, seed=seed)
    with Bars("asking") as bars:
        found = comparing.run(lambda: loaded(0), lambda: loaded(1), journal=journal, progress=bars.progress)
    write_comparison(out, found, settings, (Path(before).name, Path(after).name))
    rmtree(journal, ignore_errors=True)
    for note in found.notes:
        err.print(note)
    for line in (*lead_of(found), str(out)):
        console.print(line)


def _named(places: Sequence[str]) -> dict[str, str]:
    """Exams by name: NAME=PLACE, or the place's own; a single one without a name is `items`."""
    from harmonia.compare.canaries import ITEMS
    from harmonia.errors import InputError

    found: dict[str, str] = {}
    for place in places:
        name, equals, where = place.partition("=")
        if not equals or not name.isidentifier():
            name, where = Path(place).stem if len(places) > 1 else ITEMS, place
        if name in found:
            remedy = "Name each exam: --items NAME=FILE."
            raise InputError("two exams of one name", field="items", seen=name, remedy=remedy)
        found[name] = where
    return found


def _models(given: Given, before: str, after: str) -> tuple[ModelSettings, ModelSettings]:
    """Both models; what the table `model` says of how one is held is for the other, too."""
    from harmonia.models import ModelSettings

    told = given.table(ModelSettings)
    both = {key: value for key, value in told.items() if key not in ("gguf_file", "revision")}
    second = given.of_table("after", ModelSettings, {"path": after}, **both)
    return given.of(ModelSettings, {"path": before}), second
