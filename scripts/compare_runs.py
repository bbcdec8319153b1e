"""Compare two run directories by value: beliefs, groups, predictions, result tables, models.

python scripts/compare_runs.py RUN_BEFORE RUN_AFTER

A folder above several runs does too. A table is compared row by row, whatever its columns' order:
rows are found by their id, or else by their texts, or else by their place. Where a run stores its
items apart from its answers, they are joined first. Exits 1 if a value differs, or a file, column,
key or row is gone.
"""

from __future__ import annotations

import csv
import filecmp
import json
import math
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as parquet

NOT_COMPARED = {"manifest.json", "stages.jsonl", "report.html", "experiment.yaml", ".harmonia", ".partial"}
"""What says when, where and by which version a run was made, or repeats its tables."""
Row = dict[str, Any]


@dataclass
class Differences:
    """What two files do not have in common.

    Attributes:
        same: How many values are equal.
        largest: The largest difference of two numbers, by column.
        other: How many values differ and are no numbers, by column.
        only: Columns, keys and rows that one side alone has, as text.
        uneven: Whether something of `before` is gone, or there are other rows.
    """

    same: int = 0
    largest: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    other: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    only: list[str] = field(default_factory=list)
    uneven: bool = False

    def add(self, name: str, before: Any, after: Any) -> None:
        """Compare two values, those inside them too."""
        if isinstance(before, dict) and isinstance(after, dict):
            self.lacking(name, before, after)
            for key in before.keys() & after.keys():
                self.add(f"{name}.{key}".lstrip("."), before[key], after[key])
        elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
            for one, other in zip(before, after, strict=True):
                self.add(name, one, other)
        elif before == after or (before != before and after != after):
            self.same += 1
        elif _is_number(before) and _is_number(after):
            self.largest[name] = max(self.largest[name], abs(before - after))
        else:
            self.other[name] += 1

    def lacking(self, what: str, before: dict[Any, Any], after: dict[Any, Any]) -> None:
        """Note the keys that one side alone has."""
        for side, keys in (("before", before.keys() - after.keys()), ("after", after.keys() - before.keys())):
            if keys:
                self.only.append(f"{what} only {side}: {_few(keys)}".lstrip())
                self.uneven |= side == "before" or what == "rows"

    @property
    def differs(self) -> bool:
        """Whether a value that both have is another, or one is gone."""
        return bool(self.largest or self.other or self.uneven)

    def said(self) -> str:
        """The differences in words."""
        parts = [f"{name} differs by up to {value:.3g}" for name, value in sorted(self.largest.items())]
        parts += [f"{name} differs {count} times" for name, count in sorted(self.other.items())]
        return "; ".join([f"{self.same} values equal", *parts, *sorted(set(self.only))])


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _few(keys: Any) -> str:
    names = sorted(map(str, keys))
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")


def rows_of(path: Path, top: Path) -> list[Row]:
    """The rows of a table; the run's items are joined to answers that only name them."""
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    if path.suffix == ".csv":
        with path.open(encoding="utf-8-sig", newline="") as file:
            return [{name: _number(text) for name, text in row.items()} for row in csv.DictReader(file)]
    table = parquet.read_table(path)
    rows: list[Row] = table.to_pylist()
    note = json.loads((table.schema.metadata or {}).get(b"harmonia", b"{}"))
    items = (path.parent / note.get("items", ".")).resolve()
    if not items.is_file() or not items.is_relative_to(top.resolve()):
        return rows
    known = {row["key"]: row for row in parquet.read_table(items).to_pylist()}
    return [_whole(known[row["key"]] | note["asked"] | row, note) for row in rows]


def _whole(row: Row, note: dict[str, Any]) -> Row:
    """An answer with what follows from it and is not stored."""
    if note.get("as_asked"):
        row["asked_probs"] = row["probs"]
    confidence = max(row["probs"])
    pred = row["probs"].index(confidence)
    return row | {"confidence": confidence, "pred": pred, "correct": pred == row.get("answer")}


def _number(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text


def compare_rows(before: list[Row], after: list[Row]) -> Differences:
    """Compare two tables."""
    found = Differences()
    # A column of nothing says as little as none.
    columns = [
        dict.fromkeys(name for row in rows for name, value in row.items() if value is not None)
        for rows in (before, after)
    ]
    found.lacking("columns", *columns)
    shared = [name for name in columns[0] if name in columns[1]]
    keyed = [_by_key(rows, shared, [*before, *after]) for rows in (before, after)]
    found.lacking("rows", *keyed)
    for key in keyed[0].keys() & keyed[1].keys():
        for name in shared:
            found.add(name, keyed[0][key].get(name), keyed[1][key].get(name))
    return found


def _by_key(rows: list[Row], shared: list[str], everything: list[Row]) -> dict[Any, Row]:
    """Rows by what names them, the same for both sides: id, or all texts (and seed), or the place."""
    texts = [
        name for name in shared if all(isinstance(row.get(name), (str, type(None))) for row in everything)
    ]
    for names in (["id"] if "id" in shared else [], [*texts, *({"seed"} & set(shared))]):
        keyed = {tuple(row.get(name) for name in names): row for row in rows}
        if names and len(keyed) == len(rows):
            return keyed
    return dict(enumerate(rows))


def compare_files(before: Path, after: Path, tops: tuple[Path, Path]) -> Differences | None:
    """How two files differ; None where their bytes are equal."""
    if filecmp.cmp(before, after, shallow=False):
        return None
    if before.suffix in (".parquet", ".jsonl", ".csv"):
        return compare_rows(rows_of(before, tops[0]), rows_of(after, tops[1]))
    found = Differences()
    if before.suffix == ".json":
        texts = (path.read_text(encoding="utf-8") for path in (before, after))
        found.add("", *map(json.loads, texts))
    else:
        found.other["bytes"] = 1
    return found


def files_of(top: Path) -> dict[str, Path]:
    """The files of a run that are compared, by their path in it; older tables lay beside the manifest."""
    found = {}
    for path in sorted(top.rglob("*")):
        relative = path.relative_to(top)
        if path.is_file() and not NOT_COMPARED & {*relative.parts}:
            beside = path.suffix == ".csv" and (path.parent / "manifest.json").exists()
            name = relative.parent / "tables" / relative.name if beside else relative
            found[name.as_posix()] = path
    return found


def _merge(into: Differences, found: Differences) -> None:
    into.same += found.same
    into.only += found.only
    into.uneven |= found.uneven
    for name, value in found.largest.items():
        into.largest[name] = max(into.largest[name], value)
    for name, count in found.other.items():
        into.other[name] += count


def _kind(name: str, top: Path) -> str:
    """What a file of a run is: its first folder and its ending."""
    path = Path(name)
    runs = [folder for folder in path.parents if (top / folder / "manifest.json").exists()]
    inside = path.relative_to(runs[0]) if runs else path
    return inside.name if len(inside.parts) == 1 else f"{inside.parts[0]}/*{path.suffix}"


def main(before: Path, after: Path) -> int:
    """Print what is equal and what is not, files of a kind that differ alike in one line."""
    if missing := [str(top) for top in (before, after) if not top.is_dir()]:
        print(f"no folder: {', '.join(missing)}")
        return 2
    sides = [files_of(top) for top in (before, after)]
    if not sides[0]:
        print(f"nothing of a run: {before}")
        return 2
    equal: Counter[str] = Counter()
    unequal: dict[tuple[Any, ...], Differences] = defaultdict(Differences)
    files: Counter[tuple[Any, ...]] = Counter()
    for name in (name for name in sides[0] if name in sides[1]):
        kind, found = _kind(name, before), compare_files(*(side[name] for side in sides), (before, after))
        if found is None:
            equal[kind] += 1
        else:
            of = Path(name).name if kind.startswith("tables/") else kind
            alike = (of, *map(frozenset, (found.largest, found.other, found.only)))
            files[alike] += 1
            _merge(unequal[alike], found)
    for kind, count in equal.items():
        print(f"{kind}: {count} equal in bytes")
    for alike, found in unequal.items():
        print(f"{alike[0]}: {files[alike]} not equal in bytes: {found.said()}")
    for side, names in (
        ("before", sides[0].keys() - sides[1].keys()),
        ("after", sides[1].keys() - sides[0].keys()),
    ):
        top = before if side == "before" else after
        for kind, count in sorted(Counter(_kind(name, top) for name in names).items()):
            print(f"{kind}: {count} only {side}")
    print(f"not compared: {', '.join(sorted(NOT_COMPARED))}")
    lost = sides[0].keys() - sides[1].keys()
    return int(bool(lost) or any(found.differs for found in unequal.values()))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        print(__doc__)
        sys.exit(2)
    sys.exit(main(*map(Path, sys.argv[1:])))
