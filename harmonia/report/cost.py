"""What a run took: time and memory of each kind of stage."""

from __future__ import annotations

from typing import TypeAlias

from harmonia.numbers import count
from harmonia.report.html_table import PageColumn, PageTable, build
from harmonia.report.run_files import NotedStage, RunFiles
from harmonia.report.words import ABSENT

_Line: TypeAlias = tuple[str, list[NotedStage]]


def cost_table(run: RunFiles) -> PageTable:
    """A line a kind of stage and one for all."""
    stages = run.manifest.stages.items()
    timed = [(key.partition("/")[0], stage) for key, stage in stages if stage.seconds is not None]
    columns: tuple[PageColumn[_Line], ...] = (
        PageColumn("kind", "Stage", lambda line: line[0], kind="head"),
        PageColumn("stages", "Stages", lambda line: count(len(line[1]))),
        PageColumn("seconds", "Together", lambda line: duration(sum(_seconds(line)))),
        PageColumn("longest", "Longest", lambda line: duration(max(_seconds(line)))),
        PageColumn("memory", "Peak memory, MB", _memory),
    )
    kinds = dict.fromkeys(kind for kind, _ in timed)
    lines = [
        (kind, [stage for its, stage in timed if kind in ("all", its)])
        for kind in (*kinds, *["all"] * bool(timed))
    ]
    return build("What the stages took", columns, lines, marked=lambda line: line[0] == "all")


def _seconds(line: _Line) -> list[float]:
    return [stage.seconds or 0.0 for stage in line[1]]


def _memory(line: _Line) -> str:
    peaks = [stage.peak_memory_mb for stage in line[1] if stage.peak_memory_mb is not None]
    return count(round(max(peaks))) if peaks else ABSENT


def duration(seconds: float) -> str:
    """A time as people say it: `42 s`, `3 min 5 s`, `2 h 10 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
