"""An experiment's settings from YAML: one file on top of another, with `key=value` overrides."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from harmonia.errors import HarmoniaError, InputError
from harmonia.files import read_text
from harmonia.parsing import Yaml, input_error, parse_yaml
from harmonia.pipeline.experiment import FILES, SERVER, Experiment
from harmonia.pipeline.manifest import SETTINGS, is_run

log = logging.getLogger(__name__)

EXTENDS = "extends"
"""Setting of a file that names the file it builds on, relative to its own folder."""


def load_experiment(path: Path, overrides: Sequence[str] = ()) -> Experiment:
    """Read and check an experiment file.

    Args:
        path: The YAML file. `extends: FILE` in it takes that file's settings where it
            has none of its own; tables are merged. The file of a run directory that was
            moved stands for the run where it lies now.
        overrides: `key=value` texts; keys are dotted, values YAML.

    Raises:
        InputError: The file or an override is wrong; the message names the field.
    """
    files = [(path, _read(path))]
    values = deepcopy(files[0][1].values)
    seen = [path.resolve()]
    while EXTENDS in values:
        below = seen[-1].parent / str(values.pop(EXTENDS))
        if below.resolve() in seen:
            raise InputError(
                "the files extend one another in a circle",
                file=path,
                field=EXTENDS,
                seen=str(below),
                remedy="Let one of them stand alone.",
            )
        seen.append(below.resolve())
        files.append((below, _read(below)))
        values = merged(files[-1][1].values, values)
    apply_overrides(values, overrides)
    try:
        experiment = Experiment.model_validate(values)
    except ValidationError as error:
        raise _input_error(error, values, files, overrides) from error
    except HarmoniaError as error:
        raise InputError(str(error).rstrip("."), file=path) from error
    asked = any(override.partition("=")[0] == "out" for override in overrides)
    return experiment if asked else _where_it_lies(experiment, path)


def _where_it_lies(experiment: Experiment, path: Path) -> Experiment:
    """The experiment; that of a run directory which was moved goes on there."""
    here = path.resolve().parent
    if path.name != SETTINGS or not is_run(here) or experiment.run_directory.resolve() == here:
        return experiment
    log.warning("the run goes on in %s, not in %s", here, experiment.run_directory)
    return experiment.model_copy(update={"out": str(here)})


def _read(path: Path) -> Yaml:
    settings = parse_yaml(read_text(path, what="the experiment file"), file=path)
    if not isinstance(settings.values, dict):
        raise InputError(
            "not a table of settings", file=path, seen=settings.values, remedy="Write `key: value` lines."
        )
    return settings


def merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Settings on top of others: tables are merged, everything else is the upper one's."""
    found = dict(below)
    for key, value in above.items():
        under = found.get(key)
        if isinstance(under, dict) and isinstance(value, dict):
            value = merged(under, value)
        found[key] = value
    return found


def dump_experiment(experiment: Experiment) -> str:
    """The settings as YAML, defaults written out."""
    return yaml.safe_dump(experiment.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=100)


def apply_overrides(values: dict[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """Set `key=value` texts (keys dotted, values YAML) in a table of settings, and return it.

    Raises:
        InputError: An override is not of that form, or undoes one before it.
    """
    given: list[str] = []
    for override in overrides:
        key = override.partition("=")[0]
        if lost := next((one for one in given if f"{one}.".startswith(f"{key}.")), None):
            raise InputError(
                f"it would undo {lost}, given before",
                field=key,
                seen=override,
                remedy="Give each setting once.",
            )
        given.append(key)
        _apply(values, override)
    return values


def override_texts(values: Mapping[str, Any], above: str = "") -> list[str]:
    """Settings as `apply_overrides` takes them; a table changes what it names and nothing else."""
    found = []
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            found += override_texts(value, f"{above}{name}.")
        else:
            found.append(f"{above}{name}={json.dumps(value, default=str)}")
    return found


def _apply(values: dict[str, Any], override: str) -> None:
    key, equals, value = override.partition("=")
    if not equals or not key:
        raise InputError(
            "not a setting", field="KEY=VALUE", seen=override, remedy="Write it like training.epochs=1."
        )
    *path, last = key.split(".")
    place = values
    for part in path:
        inner = place.setdefault(part, {})
        if not isinstance(inner, dict):
            raise InputError(
                "there is no such table of settings",
                field=key,
                seen=inner,
                remedy="Name a setting of the file.",
            )
        place = inner
    place[last] = parse_yaml(value, file=None, field=key).values


def _input_error(
    error: ValidationError, values: Any, files: Sequence[tuple[Path, Yaml]], overrides: Sequence[str]
) -> InputError:
    """What is wrong, with the file and row that say it; an override is in none."""
    first = error.errors()[0]
    remedy = {
        "missing": "Add it.",
        "extra_forbidden": "Remove it, or correct its spelling; docs/settings.md lists all settings.",
    }.get(first["type"], "docs/settings.md says what it may be.")
    loc = [part for part in first["loc"] if part not in (FILES, SERVER)]
    place = [str(part) for part in loc]
    said = place[:-1] if first["type"] == "missing" else place
    keys = [override.partition("=")[0].split(".") for override in overrides]
    found = next((one for one in files if _holds(one[1].values, loc[: len(said)])), None)
    if any(place[: len(key)] == key or (found is None and key[: len(said)] == said) for key in keys):
        return input_error(error, values, remedy=remedy, known=Experiment)
    path, settings = found or files[0]
    return input_error(error, values, file=path, row=settings.line(place), remedy=remedy, known=Experiment)


def _holds(values: Any, place: Sequence[Any]) -> bool:
    for part in place:
        try:
            values = values[part]
        except (KeyError, IndexError, TypeError):
            return False
    return True
