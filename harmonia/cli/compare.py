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
    from harmonia.pipeline.experiment import AskedModel


def compare(
    before: Annotated[str, typer.Option(help="The model before: a folder, a hub id, or a server's address.")],
    after: Annotated[str, typer.Option(help="The model after: likewise, merged or an adapter folder.")],
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
    from harmonia.arguments import answerer_of
    from harmonia.compare import CompareSettings, Comparing
    from harmonia.compare.folder import require_audit_of, require_place, wanted_of, write_comparison
    from harmonia.compare.lead import lead_of
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
    (identity, first), (_, second) = (answerer_of(one, "model") for one in which)
    if audit is not None:
        require_audit_of(audit, identity)
    wanted, rows = wanted_of(settings, items=asked, shots=shots, canaries=canaries, audit=audit, seed=seed)
    journal = scratch(out, "compared")
    comparing = Comparing(wanted=wanted, settings=settings, audited=rows, seed=seed)
    with Bars("asking") as bars:
        found = comparing.run(first, second, journal=journal, progress=bars.progress)
    write_comparison(out, found, settings, _names(*which))
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


def _models(given: Given, before: str, after: str) -> tuple[AskedModel, AskedModel]:
    """Both models; what the table `model` says of how one is held or asked is for the other, too."""
    from harmonia.cli.answerer import model_settings
    from harmonia.models import ModelSettings
    from harmonia.models.server import ServedModelSettings, is_address

    told = given.table(ModelSettings)
    served = is_address(after)
    kind: type[ModelSettings | ServedModelSettings] = ServedModelSettings if served else ModelSettings
    shared = kind.model_fields.keys() - {"gguf_file", "revision", "name"}
    both = {key: value for key, value in told.items() if key in shared}
    place = {"served" if served else "path": after}
    return model_settings(given, before), given.of_table("after", kind, place, **both)


def _names(before: AskedModel, after: AskedModel) -> tuple[str, str]:
    """What the page calls the models: the ends of their paths, as long as it takes to tell them apart."""
    from harmonia.models import ModelSettings

    one, other = (
        Path(which.path).parts if isinstance(which, ModelSettings) else (which.name or which.served,)
        for which in (before, after)
    )
    most = max(len(one), len(other))
    parts = next((k for k in range(1, most) if one[-k:] != other[-k:]), 1)
    return "/".join(one[-parts:]), "/".join(other[-parts:])
