"""What a run took: time and memory of each kind of stage."""

from __future__ import annotations

from dataclasses import dataclass

from harmonia.report.html_table import PageColumn, PageTable, build
from harmonia.report.run_files import RunFiles
from harmonia.report.words import ABSENT, count


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cost:
    kind: str
    seconds: tuple[float, ...]
    memory: str


def cost_table(run: RunFiles) -> PageTable | None:
    """A line a kind of stage and one for all; None where the manifest does not say."""
    timed = [(key, stage) for key, stage in run.manifest.stages.items() if stage.seconds is not None]
    if not timed:
        return None
    kinds = dict.fromkeys(key.partition("/")[0] for key, _ in timed)
    lines = []
    for kind in (*kinds, "all"):
        here = [stage for key, stage in timed if kind in ("all", key.partition("/")[0])]
        peaks = [stage.peak_memory_mb for stage in here if stage.peak_memory_mb is not None]
        lines.append(
            _Cost(
                kind=kind,
                seconds=tuple(stage.seconds for stage in here if stage.seconds is not None),
                memory=count(round(max(peaks))) if peaks else ABSENT,
            )
        )
    columns: tuple[PageColumn[_Cost], ...] = (
        PageColumn("kind", "Stage", lambda one: one.kind, kind="head"),
        PageColumn("stages", "Stages", lambda one: count(len(one.seconds))),
        PageColumn("seconds", "Together", lambda one: duration(sum(one.seconds))),
        PageColumn("longest", "Longest", lambda one: duration(max(one.seconds))),
        PageColumn("memory", "Peak memory, MB", lambda one: one.memory),
    )
    return build("What the stages took", columns, lines, marked=lambda one: one.kind == "all")


def duration(seconds: float) -> str:
    """A time as people say it: `42 s`, `3 min 5 s`, `2 h 10 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
