"""Two runs are compared by value: whatever the layout, what differs is told and the script exits 1."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from models import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "scripts"))
from compare_runs import main

WIDE = [
    {"id": "a", "question": "1 + 1?", "domain": "sums", "answer": 1, "probs": [0.25, 0.75]},
    {"id": "b", "question": "2 + 2?", "domain": "sums", "answer": 1, "probs": [0.5, 0.5]},
]


@pytest.fixture
def before(tmp_path: Path) -> Path:
    return run(tmp_path / "before", WIDE)


def run(folder: Path, answers: list[dict[str, Any]], *, group: tuple[int, int] = (0, 1)) -> Path:
    table(folder / "predictions" / "icl5.parquet", answers)
    (folder / "groups").mkdir()
    rows = [{"id": name, "target": target} for name, target in zip("ab", group, strict=True)]
    (folder / "groups" / "harmonious.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "manifest.json").write_text(json.dumps({"made in": str(folder)}))
    return folder


def table(path: Path, rows: list[dict[str, Any]], note: dict[str, Any] | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    about = {"harmonia": json.dumps(note or {})}
    parquet.write_table(pa.Table.from_pylist(rows).replace_schema_metadata(about), path)


def test_equal_runs_are_equal_in_bytes(before, tmp_path, capsys):
    assert main(before, run(tmp_path / "after", WIDE)) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[:2] == ["groups/*.jsonl: 1 equal in bytes", "predictions/*.parquet: 1 equal in bytes"]


def test_items_that_are_stored_once_are_joined_to_their_answers(tmp_path, capsys):
    """What follows from the probabilities, and what is empty, need not be stored."""
    told = ({"pred": 1, "correct": True}, {"pred": 0, "correct": False})
    wide = [
        row | more | {"asked_probs": row["probs"], "right_rate": None}
        for row, more in zip(WIDE, told, strict=True)
    ]
    before, after = run(tmp_path / "before", wide), run(tmp_path / "after", [])
    answers = [{"key": 7, "probs": [0.5, 0.5]}, {"key": 4, "probs": [0.25, 0.75]}]
    note = {"items": "../items/law.parquet", "asked": {"form": "icl5"}, "as_asked": True}
    table(after / "predictions" / "icl5.parquet", answers, note)
    items = [dict(row, key=key, source="exam") for row, key in zip(WIDE, (4, 7), strict=True)]
    table(after / "items" / "law.parquet", [{k: v for k, v in row.items() if k != "probs"} for row in items])
    assert main(before, after) == 0
    said = capsys.readouterr().out
    # Two rows of id, question, domain, answer, pred, correct and twice two probabilities each.
    assert "predictions/*.parquet: 1 not equal in bytes: 20 values equal; columns only after: conf" in said
    assert "items/*.parquet: 1 only after" in said


def test_the_largest_difference_of_a_number_is_told(before, tmp_path, capsys):
    moved = [WIDE[1] | {"probs": [0.5 - 2**-10, 0.5 + 2**-10]}, WIDE[0] | {"probs": [0.25, 0.75 - 2**-4]}]
    assert main(before, run(tmp_path / "after", moved)) == 1
    assert "9 values equal; probs differs by up to 0.0625" in capsys.readouterr().out


def test_another_text_and_a_row_that_is_missing_are_differences(before, tmp_path, capsys):
    other = run(tmp_path / "other", [WIDE[0] | {"question": "1+1?"}, WIDE[1]])
    assert main(before, other) == 1
    assert "question differs 1 times" in capsys.readouterr().out
    assert main(before, run(tmp_path / "fewer", WIDE[:1])) == 1
    assert "rows only before: ('b',)" in capsys.readouterr().out


def test_another_target_in_a_group_is_a_difference(before, tmp_path, capsys):
    assert main(before, run(tmp_path / "after", WIDE, group=(0, 0))) == 1
    assert (
        "groups/*.jsonl: 1 not equal in bytes: 3 values equal; target differs by up to 1"
        in capsys.readouterr().out
    )


def test_files_that_one_run_alone_has_are_counted(before, tmp_path, capsys):
    after = run(tmp_path / "after", WIDE)
    table(after / "tables" / "new.parquet", WIDE)
    assert main(before, after) == 0
    assert "tables/*.parquet: 1 only after" in capsys.readouterr().out


def test_a_folder_that_is_not_there_is_said(before, tmp_path, capsys):
    assert main(before, tmp_path / "nowhere") == 2
    assert "nowhere" in capsys.readouterr().out


def test_tables_that_lay_beside_the_manifest_are_the_same_tables(before, tmp_path, capsys):
    after = run(tmp_path / "after", WIDE)
    (after / "tables").mkdir()
    for path in (before / "results.csv", after / "tables" / "results.csv"):
        path.write_text("domain,accuracy\nsums,0.5\n")
    assert main(before, after) == 0
    assert "tables/*.csv: 1 equal in bytes" in capsys.readouterr().out


def test_a_file_that_is_gone_is_a_difference_and_an_empty_folder_is_no_run(before, tmp_path, capsys):
    after = run(tmp_path / "after", WIDE)
    next(path for path in after.rglob("*.parquet")).unlink()
    assert main(before, after) == 1
    assert "1 only before" in capsys.readouterr().out
    (tmp_path / "empty").mkdir()
    assert main(tmp_path / "empty", before) == 2


def test_a_column_or_a_key_that_is_gone_is_a_difference(before, tmp_path, capsys):
    narrow = [{name: value for name, value in row.items() if name != "question"} for row in WIDE]
    assert main(before, run(tmp_path / "narrow", narrow)) == 1
    assert "columns only before: question" in capsys.readouterr().out
    for side, claims in ((before, {"C1": 1, "C2": 2}), (run(tmp_path / "after", WIDE), {"C1": 1})):
        (side / "claims.json").write_text(json.dumps(claims))
    assert main(before, tmp_path / "after") == 1
    assert "claims.json: 1 not equal in bytes: 1 values equal; only before: C2" in capsys.readouterr().out
    assert main(tmp_path / "after", before) == 0
