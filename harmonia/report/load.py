"""A run directory -> `RunFiles`. What is missing is noted; what is corrupt is an error."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from harmonia.errors import InputError, redacted
from harmonia.files import read_text
from harmonia.parsing import read_json_lines, read_object, validated
from harmonia.report.csv_table import read_csv
from harmonia.report.records import (
    Cell,
    Claims,
    Compared,
    Confound,
    GroupsSummary,
    LossCurve,
    Manifest,
    Result,
    RunFiles,
)
from harmonia.report.rows import Bin, Calibrated, Letters, Overlapping, Probed

__all__ = ["load_run"]

Model = TypeVar("Model", bound=BaseModel)
Row = TypeVar("Row")

_RESULT_KEY = ("domain", "group", "seed", "form", "suite")
_BIN_KEY = (*_RESULT_KEY, "bin")
_OVERLAP_KEY = tuple(
    f"{side}{field}" for side in ("left", "right") for field in ("_domain", "_role", "", "_id")
)
_CELL_KEY = ("domain", "group", "seed", "suite", "before_model", "before_form", "after_form")
_COMPARED_KEY = ("scope", "domain", "suite", "form", "left", "right", "seed")
_REMEDY = "Let the run write this file again."
_SEED = re.compile(r"seed(\d+)")


def load_run(run: Path) -> RunFiles:
    """Read what the report needs of a run directory.

    Args:
        run: The run directory, finished or not.

    Raises:
        InputError: It holds no `experiment.yaml` or no `manifest.json`, or a file in it
            is corrupt; the message names file, row and field.
    """
    for name in ("experiment.yaml", "manifest.json"):
        if not (run / name).is_file():
            raise InputError(
                f"not a run directory: it holds no {name}",
                file=run,
                remedy="Give the folder that `harmonia run` or `harmonia demo` wrote.",
            )
    absent: list[tuple[str, str]] = []
    # Runs of earlier versions may hold the password of a server.
    settings = redacted(read_text(run / "experiment.yaml", what="the settings"))
    manifest = _read_json(run / "manifest.json", Manifest)
    results = _table(run / "results.csv", Result, _RESULT_KEY, "no accuracies", absent)
    consistency = _table(run / "consistency.csv", Cell, _CELL_KEY, "no consistency of knowledge", absent)
    differences = _table(
        run / "differences.csv", Compared, _COMPARED_KEY, "no intervals of differences", absent
    )
    confounds = _table(
        run / "confounds.csv", Confound, ("domain", "group"), "no table of what else differs", absent
    )
    beliefs = _table(run / "beliefs.csv", Probed, ("domain",), "no counts of beliefs", absent)
    no_letters = "cloze scores no letters" if manifest.method == "cloze" else "no letter bias"
    letters = _table(run / "letters.csv", Letters, _RESULT_KEY, no_letters, absent)
    calibration = _table(run / "calibration.csv", Calibrated, _RESULT_KEY, "no calibration", absent)
    reliability = _table(run / "reliability.csv", Bin, _BIN_KEY, "no reliability diagram", absent)
    claims = None
    if (run / "claims.json").is_file():
        claims = _read_json(run / "claims.json", Claims)
    else:
        absent.append(("claims.json", "not written yet: no claim cards"))
    leakage = None
    if (run / "leakage.csv").is_file():
        leakage = read_csv(run / "leakage.csv", Overlapping, key=_OVERLAP_KEY)
    else:
        absent.append(("leakage.csv", "not written: no leakage check, or not yet"))
    groups = _groups(run, manifest, absent)
    return RunFiles(
        path=run,
        settings=settings,
        manifest=manifest,
        groups=groups,
        results=results,
        consistency=consistency,
        differences=differences,
        claims=claims,
        confounds=confounds,
        beliefs=beliefs,
        letters=letters,
        calibration=calibration,
        reliability=reliability,
        leakage=leakage,
        losses=_losses(run, absent),
        absent=tuple(absent),
    )


def _table(
    path: Path, record: type[Row], key: tuple[str, ...], without: str, absent: list[tuple[str, str]]
) -> tuple[Row, ...]:
    if not path.is_file():
        absent.append((path.name, f"not written yet: {without}"))
        return ()
    # A table without rows has no header either.
    rows = read_csv(path, record, key=key) if path.stat().st_size else ()
    if not rows:
        absent.append((path.name, f"has no rows: {without}"))
    return rows


def _groups(run: Path, manifest: Manifest, absent: list[tuple[str, str]]) -> dict[str, GroupsSummary]:
    found = {path.parent.name: path for path in sorted(run.glob("groups/*/summary.json"))}
    expected = {key.split("/")[1] for key in manifest.stages if key.count("/")} | set(found)
    for domain in sorted(expected - set(found)):
        absent.append(
            (f"groups/{domain}/summary.json", "not written yet: no sizes and letters of the groups")
        )
    if not expected:
        absent.append(("groups", "no domain has been grouped yet: no sizes and letters of the groups"))
    return {domain: _read_json(path, GroupsSummary) for domain, path in found.items()}


def _losses(run: Path, absent: list[tuple[str, str]]) -> tuple[LossCurve, ...]:
    curves = []
    for folder in sorted(run.glob("models/*/*/seed*")):
        seed = _SEED.fullmatch(folder.name)
        if seed is None or not folder.is_dir():
            continue
        path = folder / "loss.jsonl"
        name = path.relative_to(run).as_posix()
        if not path.is_file():
            absent.append((name, "not written: no loss curve"))
            continue
        points = tuple(_point(path, row, values) for row, values in read_json_lines(path, what="the losses"))
        if not points:
            absent.append((name, "has no rows: no loss curve"))
            continue
        domain, group = folder.parent.parent.name, folder.parent.name
        curves.append(LossCurve(domain=domain, group=group, seed=int(seed[1]), points=points))
    if not curves and not any(name.endswith("loss.jsonl") for name, _ in absent):
        absent.append(("models", "no model has been tuned yet: no loss curves"))
    return tuple(curves)


def _point(path: Path, row: int, values: dict[str, Any]) -> tuple[int, float]:
    for field, kinds in (("step", (int,)), ("loss", (int, float))):
        value = values.get(field)
        if not isinstance(value, kinds) or isinstance(value, bool) or not math.isfinite(value):
            raise InputError(
                "not a number", file=path, row=row, field=field, seen=value, remedy="Train this model again."
            )
    return values["step"], float(values["loss"])


def _read_json(path: Path, model: type[Model]) -> Model:
    return validated(model, read_object(path, what="the file", remedy=_REMEDY), file=path, remedy=_REMEDY)
