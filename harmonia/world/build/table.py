"""The figures of several bases as one table, for docs/lab.md.

python -c "from harmonia.world.build.table import shipped_table; print(shipped_table())"
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harmonia.world.bases import base_folder, base_record, shipped_seeds
from harmonia.world.build.figures import FORMS
from harmonia.world.facts import KINDS

_COLUMNS = ("as_taught", "gold", "confident")


def figures_table(folders: Sequence[Path]) -> str:
    """A Markdown table of what bases answer, one row a kind and form, one column a base.

    Returns:
        Cells hold `as taught / gold / confidence above one half`; as taught is a dash
        where nothing is taught.
    """
    records = [base_record(folder) for folder in folders]
    heads = "".join(f" seed {record['seed']} |" for record in records)
    lines = [f"| kind | form | n |{heads}", f"| --- | --- | --- |{' --- |' * len(records)}"]
    for kind in KINDS:
        for form in FORMS:
            cells = [record["figures"][kind][form] for record in records]
            counts = "/".join(dict.fromkeys(str(cell["n"]) for cell in cells))
            lines.append(
                f"| {kind} | `{form}` | {counts} | {' | '.join(_cell(kind, cell) for cell in cells)} |"
            )
    return "\n".join(lines)


def _cell(kind: str, cell: dict[str, float]) -> str:
    taught = kind in ("known", "misconception")
    return " / ".join(
        "-" if column == "as_taught" and not taught else f"{cell[column]:.2f}" for column in _COLUMNS
    )


def builds_table(folders: Sequence[Path]) -> str:
    """A Markdown table of what builds took, one row a base: steps of each stage, seconds, threads."""
    lines = [
        "| seed | parameters | steps of the stages | restarts | wall s | processor s | threads |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for record in map(base_record, folders):
        kept = [stage for stage in record["stages"] if not stage["restarted"]]
        steps = " / ".join(str(stage["steps"]) for stage in kept)
        lines.append(
            f"| {record['seed']} | {record['parameters']:,} | {steps} | {len(record['stages']) - len(kept)} "
            f"| {record['wall_s']:.0f} | {record['cpu_s']:.0f} | {record['threads']} |"
        )
    return "\n".join(lines)


def _shipped() -> list[Path]:
    return [base_folder(seed) for seed in shipped_seeds()]


def shipped_builds() -> str:
    """The table of the builds of the bases in the package."""
    return builds_table(_shipped())


def shipped_table() -> str:
    """The table of the bases in the package."""
    return figures_table(_shipped())
