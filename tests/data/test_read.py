"""From rows to the items of a declaration: ids, copies, repeats, domains, the limit, what is told."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from pydantic import ValidationError

from harmonia.data import ItemSource, read_items, write_skipped
from harmonia.errors import InputError


def line(name: object, question: str = "Which?", **fields: object) -> str:
    row = {"id": name, "question": question, "choices": ["x", "y"], "answer": 0, **fields}
    return json.dumps({key: value for key, value in row.items() if value is not None})


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
    assert "questions repeated under another id: 2" in result.notes


def test_the_first_of_a_repeated_question_is_kept_when_asked(read):
    result = read(REPEATED, drop_repeated=True)
    assert result.repeated == (("1", "3", "4"),)
    assert [item.id for item in result.items] == ["1", "2"]


def test_a_repeated_row_is_kept_once_and_counted(read):
    result = read("\n".join([line(1), line(2, "Other"), line(1), line(1)]))
    assert [item.id for item in result.items] == ["1", "2"]
    assert (result.copies, result.skipped, result.repeated) == (2, (), ())
    assert "rows that stand more than once, kept once: 2" in result.notes
    for other in ({"answer": 1}, {"choices": ["x", "z"]}, {"question": "Other?"}):
        with pytest.raises(InputError, match="row 2, field 'id': this id was used before with another"):
            read("\n".join([line(1), line(1, **other)]))


def test_ids_are_made_of_the_content_where_there_are_none(read):
    lines = [line(None, f"Question {k}?", answer=k % 2) for k in range(20)]
    there, back = read("\n".join(lines)), read("\n".join(reversed(lines)))
    assert {item.id: item for item in there.items} == {item.id: item for item in back.items}
    assert len({item.id for item in there.items}) == 20
    assert "no column of ids: items are called by their content" in there.notes
    assert not any("column of ids" in note for note in read(line(1)).notes)
    # The same question with another answer or other options is another item, and a copy is none.
    more = [
        lines[0],
        line(None, "Question 0?", answer=1),
        line(None, "Question 0?", choices=["x", "z"]),
        lines[0],
    ]
    result = read("\n".join(more))
    assert (len(result.items), result.copies, [len(ids) for ids in result.repeated]) == (3, 1, [3])
    assert result.items[0].id in {item.id for item in there.items}


def test_what_an_id_is_made_of_does_not_hang_on_the_format(read):
    sheet = read("question,A,B,answer\nWhich?,x,y,B\nWhat?,x,y,A\n", name="own.csv").items
    lines = read("\n".join([line(None, answer=1), line(None, "What?")])).items
    assert [item.id for item in sheet] == [item.id for item in lines]


def test_where_a_file_lies_does_not_enter_the_prompt(tmp_path):
    found = []
    for folder in ("law", "medicine/test"):
        (tmp_path / folder).mkdir(parents=True)
        for name, content in {
            "mine.jsonl": line(1),
            "mine.csv": "question,A,B,answer\nWhich?,x,y,A\n",
        }.items():
            (tmp_path / folder / name).write_text(content)
            (item,) = read_items(ItemSource(path=f"{folder}/{name}"), tmp_path).items
            found.append(item.domain)
    assert found == [""] * 4
    result = read_items(ItemSource(path="law/mine.jsonl"), tmp_path)
    assert "no domain is said, so prompts name none (`domain`)" in result.notes
    said = read_items(ItemSource(path="law/mine.jsonl", domain="law"), tmp_path)
    assert (said.items[0].domain, said.notes) == ("law", ())


def test_a_column_of_subjects_says_what_rows_are_about(read):
    rows = "\n".join([line(1, subject="law"), line(2, "Other?", subject="art")])
    assert [item.domain for item in read(rows).items] == ["law", "art"]
    assert {item.domain for item in read(rows, domain="both").items} == {"both"}
    assert [item.id for item in read(rows, subjects=["art"]).items] == ["2"]
    with pytest.raises(InputError, match="1 of 2 subjects are not here"):
        read(rows, subjects=["art", "music"])
    half = "\n".join([line(1, subject="law"), line(2, "Other?")])
    with pytest.raises(InputError, match="row 2, field 'subject': the field is missing"):
        read(half)
    assert len(read(half, domain="law").items) == 2
    with pytest.raises(InputError, match="no column or file name tells the subject"):
        read(line(1), subjects=["art"])


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


def test_the_split_is_the_declared_one_where_the_name_has_none(read):
    assert read(line(1), name="law/mine.jsonl").items[0].split == ""
    assert read(line(1), name="law/mine.jsonl", split="train").items[0].split == "train"
    with pytest.raises(InputError, match="the file's split is 'test'"):
        read(line(1), split="train")


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
        ({"limit": True}, "a number is needed"),
        ({"on_bad_row": "ignore"}, "'fail' or 'skip'"),
        ({"reeder": "exam"}, "Extra inputs"),
        ({"columns": {"questoin": "q"}}, "Extra inputs"),
        ({"columns": {"answer_form": "digits"}}, "'index', 'index1', 'letter'"),
    ],
)
def test_a_declaration_that_contradicts_itself_is_refused(fields, problem):
    with pytest.raises(ValidationError, match=problem):
        ItemSource(path="x", **fields)


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
