"""Records as files of three forms: what was written is read, and nothing else is written over."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from harmonia.errors import InputError
from harmonia.files import from_cell, write_csv
from harmonia.table_file import TableFile

COLUMNS = {
    **{"id": str, "n": int, "share": float, "sure": bool},
    **{"texts": list[str], "probs": list[float], "said": str, "prompt": str},
}
TABLE = TableFile(what="the rows", columns=COLUMNS, optional=frozenset({"prompt"}))

VALUES: list[tuple[Any, ...]] = [
    ("a", 3, 0.1, True, ["x", "y\n"], [0.25, 1e-17], None),
    ("=1+1", -2, -0.5, False, [], [], "-x"),
    ("'=1", None, None, None, None, None, 'a,"b"\r\nc'),
    ("-5", 0, 2.0, True, ["=x"], [1.0], "x" * 200_000),
]
ROWS: list[dict[str, Any]] = [dict(zip(COLUMNS, values, strict=False)) for values in VALUES]


@pytest.mark.parametrize("name", ["r.parquet", "r.jsonl", "r.csv", "r.CSV", "r", "exp:1", "a [red]'\"\n.csv"])
def test_what_is_written_is_read_again(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    TABLE.write(path, ROWS, {"model": "m"})
    assert [row for _, row in TABLE.read(path)] == ROWS
    TABLE.write(path, ({**row, "prompt": "p"} for row in ROWS))
    assert [row["prompt"] for _, row in TABLE.read(path)] == ["p"] * 4


def test_each_ending_is_what_it_says(tmp_path: Path) -> None:
    for ending in ("parquet", "jsonl", "csv"):
        TABLE.write(tmp_path / f"r.{ending}", ROWS, {"model": "m"})
    table = pq.read_table(tmp_path / "r.parquet")
    assert table.to_pylist() == ROWS
    assert json.loads(table.schema.metadata[b"harmonia"]) == {"model": "m"}
    assert [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()] == ROWS
    with (tmp_path / "r.csv").open(newline="") as handle:
        first, second, *_ = csv.DictReader(handle)
    assert (first["n"], first["share"], first["texts"], first["said"]) == ("3", "0.1", '["x", "y\\n"]', "")
    # Numbers stay numbers; texts that a spreadsheet would run begin with an apostrophe.
    assert (second["id"], second["n"], second["share"], second["said"]) == ("'=1+1", "-2", "-0.5", "'-x")


def test_a_long_cell_is_read_by_whoever_comes_first(tmp_path: Path) -> None:
    path = tmp_path / "q.csv"
    path.write_text(f"question,A,B,answer\n{'x' * 200_000},a,b,A\n")
    read = f"read_items(ItemSource(path={str(path)!r})).items"
    code = f"from harmonia.data import ItemSource, read_items; print(len({read}[0].question))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "200000\n", done.stderr


def test_parquet_under_another_name_is_read(tmp_path: Path) -> None:
    TABLE.write(tmp_path / "r.parquet", ROWS)
    for name in ("r.jsonl", "r.csv", "r.beliefs"):
        (tmp_path / "r.parquet").rename(tmp_path / name)
        assert [row for _, row in TABLE.read(tmp_path / name)] == ROWS
        (tmp_path / name).rename(tmp_path / "r.parquet")


def test_other_endings_and_files_of_others_are_refused(tmp_path: Path) -> None:
    for name in ("r.txt", "r.json", "r.xlsx", "r.parquet.gz", "thesis.tex"):
        with pytest.raises(InputError, match=r"'out'.*Let the name end in \.parquet, \.jsonl, \.csv"):
            TABLE.require_place(tmp_path / name)
    others = {
        "o.csv": "id,question\n1,x\n",
        "o.jsonl": '{"id": 1, "question": "x"}\n',
        "o.parquet": "PAR1",
        "p.csv": "\0\0",
        "p.jsonl": "not JSON\n",
        "p.parquet": "id,n",
    }
    for name, text in others.items():
        (tmp_path / name).write_text(text)
        with pytest.raises(InputError, match="harmonia did not write it"):
            TABLE.require_place(tmp_path / name)
    for name in ("r.parquet", "r.jsonl", "r.csv", "r"):
        TABLE.require_place(tmp_path / name)
        TABLE.write(tmp_path / name, ROWS)
        TABLE.require_place(tmp_path / name)
        with pytest.raises(InputError, match="overwrite what is read"):
            TABLE.require_place(tmp_path / name, inputs=[tmp_path / name])
    (tmp_path / "empty.csv").touch()
    TABLE.require_place(tmp_path / "empty.csv")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,n\na,three\n", r"row 2, field 'n': not a value of this column; saw 'three'"),
        ("id,probs\na,0.1 0.9\n", "field 'probs'"),
        ("id,n\na\n", "row 2: not as many cells as columns"),
        ("id,n\na,1,2\n", "row 2: not as many cells as columns"),
        ('id,n\n"a,1\n', "is not CSV"),
        ("id,n\n\udcff,1\n", "is not CSV"),
    ],
)
def test_a_csv_that_is_wrong_is_refused_by_row(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_text(text, errors="surrogateescape")
    with pytest.raises(InputError, match=message):
        list(TABLE.read(path))


def test_a_carriage_return_in_a_text_ends_no_row(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    rows = [{"id": "a", "text": "x\r=1+1", "n": -1}, {"id": "b", "text": "y\r\nz", "n": 2}]
    write_csv(path, rows, ["id", "text", "n"])
    with path.open(newline="") as handle:
        found = list(csv.DictReader(handle))
    assert [(row["id"], row["text"], int(row["n"])) for row in found] == [tuple(row.values()) for row in rows]


FORMULAS = [
    "=1+1",
    "+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "＝1",
    "'=1",
    "''-x",
    "=",
    "-",
]
PLAIN = ["a=1", "-5", "+1.5e-3", "-.5", "5", "'quoted'", "'", "", " =1", "A. -x"]


def test_a_spreadsheet_runs_no_text(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    write_csv(path, [{"text": text, "number": -0.5} for text in FORMULAS + PLAIN], ["text", "number"])
    with path.open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    cells = [row["text"] for row in rows]
    assert all(cell.startswith("'") for cell in cells[: len(FORMULAS)])
    assert cells[len(FORMULAS) :] == PLAIN
    assert len(set(cells)) == len(cells)
    assert list(map(from_cell, cells)) == FORMULAS + PLAIN
    assert {row["number"] for row in rows} == {"-0.5"}


@pytest.mark.parametrize("name", ["r.parquet", "r.jsonl", "r.csv"])
def test_a_file_of_no_records_is_written_again(name: str, tmp_path: Path) -> None:
    for _ in range(2):
        TABLE.require_place(tmp_path / name)
        TABLE.write(tmp_path / name, [])
