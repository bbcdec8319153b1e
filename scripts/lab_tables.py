"""What the shipped lab bases answer, and what building them took: two tables of docs/lab.md.

python scripts/lab_tables.py
"""

from __future__ import annotations

from harmonia.world.bases import base_folder, base_record, shipped_seeds
from harmonia.world.build.figures import FORMS
from harmonia.world.facts import KINDS

RECORDS = [base_record(base_folder(seed)) for seed in shipped_seeds()]


def figures() -> str:
    """One row a kind and form, one column a base: as taught / at the true value / confidence above .5."""
    heads = "".join(f" seed {record['seed']} |" for record in RECORDS)
    lines = [f"| kind | form | n |{heads}", f"| --- | --- | --- |{' --- |' * len(RECORDS)}"]
    for kind in KINDS:
        columns = ["as_taught"] * (kind in ("known", "misconception")) + ["gold", "confident"]
        for form in FORMS:
            cells = [record["figures"][kind][form] for record in RECORDS]
            told = [["-"] * (3 - len(columns)) + [f"{cell[name]:.2f}" for name in columns] for cell in cells]
            counts = "/".join(dict.fromkeys(str(cell["n"]) for cell in cells))
            lines.append(f"| {kind} | `{form}` | {counts} | {' | '.join(map(' / '.join, told))} |")
    return "\n".join(lines)


def builds() -> str:
    """One row a base: steps of each stage, seconds, threads."""
    lines = ["| seed | parameters | steps of the stages | restarts | wall s | processor s | threads |"]
    lines.append(f"|{' --- |' * 7}")
    for record in RECORDS:
        kept = [str(stage["steps"]) for stage in record["stages"] if not stage["restarted"]]
        cells = [
            record["seed"],
            f"{record['parameters']:,}",
            " / ".join(kept),
            len(record["stages"]) - len(kept),
        ]
        cells += [f"{record['wall_s']:.0f}", f"{record['cpu_s']:.0f}", record["threads"]]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(figures(), builds(), sep="\n\n")
