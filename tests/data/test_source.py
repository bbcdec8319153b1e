from __future__ import annotations

import json
import subprocess
import sys

import pytest
from pydantic import ValidationError

from harmonia.data import READERS, ItemSource, read_items, write_skipped
from harmonia.errors import InputError


def line(name: object, question: str = "Which?", **fields: object) -> str:
    return json.dumps({"id": name, "question": question, "choices": ["x", "y"], "answer": 0, **fields})


REPEATED = "\n".join(
    [
        line(1, "What is it?"),
        line(2, "Other"),
        line(3, " what  IS\nit? ", choices=["p", "q"]),
        line(4, "What is it?"),
    ]
)


def test_a_repeated_question_is_reported_and_kept(read):
    result = read(REPEATED)
    assert result.repeated == (("1", "3", "4"),)
    assert [item.id for item in result.items] == ["1", "2", "3", "4"]


def test_the_first_of_a_repeated_question_is_kept_when_asked(read):
    result = read(REPEATED, drop_repeated=True)
    assert result.repeated == (("1", "3", "4"),)
    assert [item.id for item in result.items] == ["1", "2"]


def test_the_limit_is_a_random_sample_in_file_order_that_the_order_does_not_change(read):
    lines = [line(k, f"Question {k}?") for k in range(40)]
    kept = [item.id for item in read("\n".join(lines), limit=10).items]
    assert len(kept) == 10
    assert kept == sorted(kept, key=int) != [str(k) for k in range(10)]
    assert {item.id for item in read("\n".join(reversed(lines)), limit=10).items} == set(kept)
    assert set(kept) < {item.id for item in read("\n".join(lines), limit=20).items}
    assert [item.id for item in read("\n".join(lines), limit=10, seed=1).items] != kept


def test_the_limit_comes_after_the_dropping(read):
    assert len(read(REPEATED, drop_repeated=True, limit=2).items) == 2


def test_skipped_rows_are_written_with_all_their_parts(read, tmp_path):
    result = read("\n".join([line(1), line(2, answer=7), "{"]), on_bad_row="skip")
    write_skipped(result, tmp_path / "skipped.jsonl")
    rows = [json.loads(text) for text in (tmp_path / "skipped.jsonl").read_text().splitlines()]
    assert [(row["row"], row["field"], row["seen"]) for row in rows] == [(2, "answer", "7"), (3, None, "'{'")]
    assert set(rows[0]) == {"file", "row", "field", "problem", "seen", "remedy"}
    assert rows[0]["file"] == str(tmp_path / "law/test.jsonl")


def test_items_do_not_hang_on_the_root(tmp_path):
    for root in ("here", "there"):
        (tmp_path / root / "law").mkdir(parents=True)
        (tmp_path / root / "law/test.jsonl").write_text(line(1))
    source = ItemSource(path="law/test.jsonl")
    assert read_items(source, tmp_path / "here") == read_items(source, tmp_path / "there")
    assert read_items(ItemSource(path=str(tmp_path / "here/law/test.jsonl"))).items[0].domain == "law"


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"subjects": ["law"], "subjects_of": "history"}, "subjects and subjects_of exclude each other"),
        (
            {"subjects_of": "history", "subjects_outside": "history"},
            "subjects_of and subjects_outside exclude each other",
        ),
        ({"subjects_of": "alchemy"}, "no domain 'alchemy'; there are engineering, history"),
        ({"subjects": []}, "at least 1 item"),
        ({"limit": 0}, "greater than or equal to 1"),
        ({"limit": True}, "valid integer"),
        ({"on_bad_row": "ignore"}, "'fail' or 'skip'"),
        ({"reeder": "exam"}, "Extra inputs"),
        (
            {
                "reader": "exam",
                "columns": {"question": "q", "choices": "c", "answer": "a", "answer_form": "index"},
            },
            "columns and reader: exam exclude each other",
        ),
    ],
)
def test_a_declaration_that_contradicts_itself_is_refused(fields, problem):
    with pytest.raises(ValidationError, match=problem):
        ItemSource(path="x", **fields)


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("a.txt", "x", "no reader knows this kind of file"),
        ("a.json", "[]", "no reader knows this kind of file"),
        ("a.jsonl", '{"instruction": "Do.", "output": "Done."}', "no field `question`"),
        ("a.csv", "name,age\nx,1\n", "neither a header nor question, options and answer"),
        ("d/a.jsonl", line(1), "neither tables nor CSV files"),
    ],
)
def test_auto_does_not_guess(read, tmp_path, name, content, problem):
    (tmp_path / "d").mkdir()
    (tmp_path / name).write_text(content)
    path = "d" if name.startswith("d/") else name
    with pytest.raises(InputError, match=problem) as caught:
        read_items(ItemSource(path=path), tmp_path)
    assert all(reader in caught.value.remedy for reader in READERS)


def test_a_reader_that_does_not_exist_lists_those_that_do(read):
    with pytest.raises(InputError, match=r"no such reader.*saw 'exma'.*exam, mmlu, ceval"):
        read(line(1), reader="exma")


@pytest.mark.parametrize("path", ["none.jsonl", "none.csv", "none", "law/none", "none.parquet"])
def test_a_path_with_nothing_there_is_an_error_without_asking_the_hub(tmp_path, path):
    (tmp_path / "law").mkdir()
    with pytest.raises(InputError, match=r"is not a file|nothing is here"):
        read_items(ItemSource(path=path), tmp_path)


def test_importing_the_package_loads_nothing_heavy():
    heavy = "{'torch', 'transformers', 'datasets', 'pyarrow'}"
    code = f"import sys, harmonia.data; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
