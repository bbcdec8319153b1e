"""`harmonia curate`: what to train on instead of a whole fine-tuning file."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harmonia.cli import options as o
from harmonia.cli.given import Given
from harmonia.cli.progress import Bars, err
from harmonia.cli.progress import out as console

if TYPE_CHECKING:
    from harmonia.curate import CurateSettings


def curate(
    audit: Annotated[Path, typer.Argument(help="The folder of harmonia audit.")],
    policy: Annotated[str, typer.Option(help="What to choose and change: drop_conflicting, known_only, ...")],
    out: Annotated[Path, typer.Option(help="The set to write: NAME.jsonl.")],
    budget: Annotated[
        int | None, typer.Option(min=1, help="Most rows; default all that the policy has.")
    ] = None,
    format_: Annotated[
        str, typer.Option("--format", help="Whose file: jsonl, trl, llamafactory or axolotl.")
    ] = "jsonl",
    data: Annotated[Path | None, typer.Option(help="The audited file, where it is not where it was.")] = None,
    model: Annotated[
        str | None, typer.Option(help="The model that writes, for self_distil, coverage and self_refine.")
    ] = None,
    json_: o.Json = False,
) -> None:
    """Choose and change audited rows by a policy, and write beside them as many random ones as the control.

    Example: `harmonia curate audit/ --policy drop_conflicting --out curated.jsonl --format trl --budget 2000`
    """
    from typing import get_args

    from harmonia.curate import CurateSettings, curate_audit, open_audit
    from harmonia.curate.curated import require_form, require_place
    from harmonia.curate.settings import Format
    from harmonia.errors import InputError
    from harmonia.models import ModelSettings, fingerprint, load_model
    from harmonia.outputs import scratch

    given = Given.here()
    form: Format | None = next((one for one in get_args(Format) if one == format_), None)
    if form is None:
        remedy = f"Give {', '.join(get_args(Format))}."
        raise InputError("no such format", field="format", seen=format_, remedy=remedy)
    settings = given.of(CurateSettings, {"policy": policy, "budget": budget})
    require_form(settings, form)
    audited = open_audit(audit, data)
    inputs = (audited.path, model, settings.contexts, settings.reference)
    require_place(out, form, (*inputs, *audit.iterdir()))
    loaded = None
    if model is not None:
        which = given.of(ModelSettings, {"path": model})
        loaded = load_model(which, fingerprint(which))
    address = _address(audit, settings, [audited.about, loaded and loaded.identity])
    journal = scratch(out, f"curate-{address[:12]}")
    with Bars("rewriting") as bars:
        found = curate_audit(audited, settings, model=loaded, journal=journal, progress=bars.progress)
        summary = found.save(out, form)
    shutil.rmtree(journal, ignore_errors=True)
    for note in summary["notes"]:
        err.print(note)
    if json_:
        print(json.dumps(summary))
        return
    console.print(repr(found))
    console.print(str(out))


def _address(audit: Path, settings: CurateSettings, more: list[Any]) -> str:
    """Hash of all that decides a set: of the same verdicts and facts held back, too."""
    from harmonia.audit import ROWS
    from harmonia.audit.folder import CANARIES
    from harmonia.curate.coverage import CORPUS
    from harmonia.files import require_file
    from harmonia.hashing import file_sha256, result_settings, sha256_json

    corpus = settings.reference and file_sha256(require_file(Path(settings.reference), what=CORPUS))
    verdicts = [file_sha256(audit / name) for name in (ROWS, CANARIES)]
    return sha256_json([more, verdicts, result_settings(settings), corpus])
