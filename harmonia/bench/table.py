"""A benchmark as a table: for the screen, and as Markdown for a page."""

from __future__ import annotations

from collections.abc import Iterator

from harmonia.bench.run import Bench

HEADER = ("measured", "way", "median", "against ours")


def table_rows(bench: Bench) -> Iterator[tuple[str, str, str, str]]:
    """Ours, the baselines and the limits of each measure, under `HEADER`."""
    for measure in bench.measures:
        yield measure.what, "harmonia", _figure(measure.ours, measure.unit), ""
        for line in measure.slower:
            yield "", "harmonia", "slower here", line
        for name, value in measure.baselines.items():
            yield "", name, _figure(value, measure.unit), f"{measure.ratios[name]:.2f} x"
        for name, value in measure.limits.items():
            yield "", name, _figure(value, measure.unit), f"{measure.shares[name]:.0%} reached"
        for name, reason in measure.skipped.items():
            yield "", name, "not measured", reason
    for name, reason in bench.skipped.items():
        yield name, "", "not measured", reason


def about(bench: Bench) -> str:
    """What was measured, and where, in a line."""
    here = bench.machine
    where = here["device_name"] or f"{here['processor']}, {here['threads']} of {here['cores']} cores"
    return (
        f"{bench.settings.name}: {bench.parameters / 1e6:,.1f}M parameters in {bench.dtype}; {where}; "
        f"torch {bench.versions['torch']}, transformers {bench.versions['transformers']}; "
        f"medians of {bench.settings.repeats}; {bench.wall_s / 60:.1f} min in all"
    )


def markdown(bench: Bench) -> str:
    """The table with what one must know to read it, for docs/performance.md."""
    lines = [about(bench), "", f"| {' | '.join(HEADER)} |", "| --- | --- | ---: | ---: |"]
    lines += [f"| {' | '.join(row)} |" for row in table_rows(bench)]
    facts = [
        f"{measure.what}: " + ", ".join(f"{name} {value:,.4g}" for name, value in measure.facts.items())
        for measure in bench.measures
        if measure.facts
    ]
    return "\n".join([*lines, "", *(f"- {fact}" for fact in facts)])


def _figure(value: float, unit: str) -> str:
    return f"{value:,.{0 if value >= 1000 else 2 if value >= 1 else 4}f} {unit}"
