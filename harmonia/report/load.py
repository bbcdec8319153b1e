"""A run directory -> `RunFiles`. What is missing is noted; what is corrupt is an error."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, StrictFloat, StrictInt

from harmonia.analysis import ClaimsDocument, tables
from harmonia.columns import Table
from harmonia.errors import InputError, redacted
from harmonia.files import read_text
from harmonia.groups import GroupsSummary
from harmonia.groups.confounds import CONFOUNDS, TARGET_LETTERS
from harmonia.parsing import read_json_lines, read_object, validated
from harmonia.report.run_files import LossCurve, ManifestFile, RunFiles
from harmonia.report.run_index import NO_RUN, RunIndex

Model = TypeVar("Model")

_REMEDY = "Let the run write this file again."
_WITHOUT: dict[Table[Any], str] = {
    tables.LEAKAGE: "no leakage check, or not yet",
    tables.RESULTS: "no accuracies",
    tables.FIT: "no fit to the training rows",
    tables.LOST: "not told whether a readout or the knowledge was lost",
    tables.CONSISTENCY: "no consistency of knowledge",
    tables.DIFFERENCES: "no intervals of differences",
    CONFOUNDS: "no table of what else differs",
    TARGET_LETTERS: "no letters of the training sets",
    tables.BELIEFS: "no counts of beliefs",
    tables.LETTER_BIAS: "no letter bias",
    tables.LETTERS: "no letters of the answers",
    tables.CALIBRATION: "no calibration",
    tables.RELIABILITY: "no reliability diagram",
}


class _Step(BaseModel):
    """What the report reads of a line of `loss.jsonl`."""

    step: StrictInt
    loss: StrictFloat | StrictInt


def load_run(run: Path) -> RunFiles:
    """Read what the report needs of a run directory.

    Raises:
        InputError: It holds no `experiment.yaml` or no `manifest.json`, or a file in it
            is corrupt; the message names file, row and field.
    """
    if not (run / "experiment.yaml").is_file():
        raise InputError("not a run directory: it holds no experiment.yaml", file=run, remedy=NO_RUN)
    manifest = RunIndex.read(run).manifest
    absent: list[tuple[str, str]] = []
    claims = None
    if (run / "claims.json").is_file():
        claims = _read_json(run / "claims.json", ClaimsDocument)
    else:
        absent.append(("claims.json", "not written yet: no claim cards"))
    return RunFiles(
        path=run,
        # Runs of earlier versions may hold the password of a server.
        settings=redacted(read_text(run / "experiment.yaml", what="the settings")),
        manifest=manifest,
        groups=_groups(run, manifest, absent),
        tables=_tables(run, manifest, absent),
        claims=claims,
        losses=_losses(run, manifest, absent),
        absent=tuple(absent),
    )


def _tables(run: Path, manifest: ManifestFile, absent: list[tuple[str, str]]) -> dict[str, tuple[Any, ...]]:
    """The rows of each table that is there; of leakage, that there are none says something."""
    found: dict[str, tuple[Any, ...]] = {}
    for table, without in _WITHOUT.items():
        if manifest.method == "cloze" and table.name.startswith("letter"):
            without = "cloze scores no letters"
        if (run / table.files(tables.FOLDER)[0]).is_file():
            found[table.name] = table.read(run / tables.FOLDER)
            if not found[table.name] and table is not tables.LEAKAGE:
                absent.append((table.name, f"has no rows: {without}"))
        elif table is tables.LEAKAGE:
            absent.append((table.name, f"not written: {without}"))
        else:
            absent.append((table.name, f"not written yet: {without}"))
    return found


def _groups(
    run: Path, manifest: ManifestFile, absent: list[tuple[str, str]]
) -> dict[tuple[str, int], GroupsSummary]:
    found = {}
    for key in sorted(manifest.stages):
        # What earlier settings left stays in the run, unread.
        named, path = re.fullmatch(r"groups/([^/]+)/seed(\d+)", key), run / key / "summary.json"
        if named and path.is_file():
            found[named[1], int(named[2])] = _read_json(path, GroupsSummary)
    domains = {key.split("/")[1] for key in manifest.stages if key.count("/")}
    expected = {(domain, seed) for domain in domains for seed in manifest.seeds} | set(found)
    for domain, seed in sorted(expected - set(found)):
        absent.append((f"groups/{domain}/seed{seed}/summary.json", "not written yet: no sizes of the groups"))
    if not expected:
        absent.append(("groups", "no domain has been grouped yet: no sizes of the groups"))
    return found


def read_losses(path: Path) -> tuple[tuple[int, float], ...]:
    """The steps and losses of a `loss.jsonl`.

    Raises:
        InputError: The file cannot be read, or a line is none of these.
    """
    remedy = "Train this model again."
    rows = read_json_lines(path, what="the losses")
    steps = (validated(_Step, values, file=path, row=row, remedy=remedy) for row, values in rows)
    return tuple((one.step, one.loss) for one in steps)


def _losses(run: Path, manifest: ManifestFile, absent: list[tuple[str, str]]) -> tuple[LossCurve, ...]:
    curves = []
    for key in sorted(manifest.stages):
        named = re.fullmatch(r"train/(([^/]+)/([^/]+)/seed(\d+))", key)
        if not named or not (run / "models" / named[1]).is_dir():
            continue
        name = f"models/{named[1]}/loss.jsonl"
        if not (run / name).is_file():
            absent.append((name, "not written: no loss curve"))
        elif points := read_losses(run / name):
            _, domain, group, seed = named.groups()
            curves.append(LossCurve(domain=domain, group=group, seed=int(seed), points=points))
        else:
            absent.append((name, "has no rows: no loss curve"))
    if not curves and not any(name.endswith("loss.jsonl") for name, _ in absent):
        absent.append(("models", "no model has been tuned yet: no loss curves"))
    return tuple(curves)


def _read_json(path: Path, model: type[Model]) -> Model:
    return validated(model, read_object(path, what="the file", remedy=_REMEDY), file=path, remedy=_REMEDY)
