"""What a run is about to make anew, because its settings are no longer those that made it."""

from __future__ import annotations

import logging
from collections import Counter
from typing import Any

from harmonia.errors import InputError, redacted
from harmonia.files import read_text
from harmonia.parsing import parse_yaml
from harmonia.pipeline.manifest import SETTINGS, Manifest
from harmonia.pipeline.settings_file import dump_experiment
from harmonia.pipeline.task import Graph
from harmonia.pipeline.workbench import Workbench

_MOST_NAMED = 5

log = logging.getLogger(__name__)


def tell_changed(bench: Workbench, graph: Graph) -> None:
    """Say, before anything is written, which results are there under other settings and will be replaced."""
    noted = Manifest.read(bench.run).stages
    anew = Counter(
        task.kind
        for key, task in graph.tasks.items()
        if key in noted and noted[key].status == "done" and noted[key].address != task.address
    )
    # The tables and the page are made anew after every change; nobody misses the old ones.
    if not (anew - Counter(analyse=1, report=1)):
        return
    changed = _changed(bench)
    why = ", ".join(changed[:_MOST_NAMED]) if changed else "data, the model or harmonia itself"
    more = f" and {len(changed) - _MOST_NAMED} more settings" if len(changed) > _MOST_NAMED else ""
    log.warning(
        "%s: %d results made before will be replaced (%s), because of %s. To keep them stop now, and give "
        "another out=DIR.",
        *(bench.run, sum(anew.values()), ", ".join(f"{count} {kind}" for kind, count in anew.items())),
        redacted(f"{why}{more}"),
    )


def _changed(bench: Workbench) -> list[str]:
    """`KEY: BEFORE -> NOW` of each setting that is another than in the run's own file."""
    path = bench.run / SETTINGS
    if not path.is_file():
        return []
    try:
        before = _flat(parse_yaml(read_text(path, what="the settings"), file=path).values)
    except InputError:
        return []  # a damaged file is written anew
    now = _flat(parse_yaml(dump_experiment(bench.experiment), file=path).values)
    keys = [key for key in (now | before) if not key.startswith(("execution.", "out"))]
    absent = "nothing"
    return [
        f"{key}: {before.get(key, absent)} -> {now.get(key, absent)}"
        for key in keys
        if before.get(key, absent) != now.get(key, absent)
    ]


def _flat(values: Any, above: str = "") -> dict[str, Any]:
    if not isinstance(values, dict):
        return {above: values}
    found: dict[str, Any] = {}
    for name, value in values.items():
        found |= _flat(value, f"{above}.{name}" if above else str(name))
    return found
