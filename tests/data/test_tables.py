"""Which files a path means: folders of CSV, JSON Lines and Parquet, saved data sets, the hub."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harmonia.data import ItemSource, ReadResult, read_items
from harmonia.errors import InputError

SHEET = "question,choice0,choice1,answer\n{0} one?,a,b,0\n{0} two?,a,b,1\n"
CEVAL = "id,question,A,B,C,D,answer\n0,{0} one?,a,b,c,d,A\n1,{0} two?,a,b,c,d,B\n"
ROWS = [
    {"question": f"{subject} {k}?", "subject": subject, "choices": ["p", "q", "r", "s"], "answer": k}
    for subject in ("anatomy", "virology")
    for k in range(2)
]
EXAM = [{"id": f"a-{k}", "question": f"{k}?", "choices": ["x", "y"], "answer": k} for k in range(2)]


def read(root: Path, path: str = "data", **fields: Any) -> ReadResult:
    return read_items(ItemSource(path=path, **fields), root)


def questions(root: Path, path: str = "data", **fields: object) -> list[str]:
    return [item.question for item in read(root, path, **fields).items]


def write(path: Path, rows: list[dict]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """MMLU's own archive: a folder for each split, a CSV file for each subject."""
    for split in ("dev", "test"):
        (tmp_path / "mmlu" / split).mkdir(parents=True)
        for subject in ("virology", "anatomy"):
            (tmp_path / "mmlu" / split / f"{subject}_{split}.csv").write_text(SHEET.format(subject))
    return tmp_path


ALL = ["anatomy one?", "anatomy two?", "virology one?", "virology two?"]


def test_files_come_in_the_order_of_their_names(folder):
    result = read(folder, "mmlu", split="test")
    assert [item.question for item in result.items] == ALL
    assert [item.domain for item in result.items] == ["anatomy"] * 2 + ["virology"] * 2
    assert [item.id.partition("/")[0] for item in result.items] == [item.domain for item in result.items]
    assert {item.source for item in result.items} == {
        "mmlu/test/anatomy_test.csv",
        "mmlu/test/virology_test.csv",
    }
    assert {item.split for item in result.items} == {"test"}
    assert read(folder, "mmlu/test/anatomy_test.csv").items[0].id == result.items[0].id


def test_the_folder_of_a_split_needs_no_split(folder):
    assert len(read(folder, "mmlu/dev").items) == 4


def test_cmmlu_has_a_folder_for_each_split_and_files_named_after_the_subject(tmp_path):
    for split in ("dev", "test"):
        (tmp_path / "cmmlu" / split).mkdir(parents=True)
        for subject in ("law", "art"):
            content = f",Question,A,B,C,D,Answer\n0,{subject}一,a,b,c,d,C\n1,{subject}二,a,b,c,d,A\n"
            (tmp_path / "cmmlu" / split / f"{subject}.csv").write_text(content)
    items = read(tmp_path, "cmmlu", split="dev").items
    assert [(item.domain, item.split, item.answer) for item in items] == [
        *(("art", "dev", answer) for answer in (2, 0)),
        *(("law", "dev", answer) for answer in (2, 0)),
    ]
    alone = read(tmp_path, "cmmlu/dev/law.csv").items
    assert [item.id for item in alone] == [item.id for item in items if item.domain == "law"]


def test_splits_in_one_folder_are_told_by_name(folder):
    for file in (folder / "mmlu" / "dev").iterdir():
        file.rename(folder / "mmlu" / "test" / file.name)
    assert questions(folder, "mmlu/test", split="dev") == ALL
    with pytest.raises(InputError, match=r"several splits are here and none is named.*dev, test"):
        read(folder, "mmlu/test")
    # What no name tells the split of can be had by its path alone.
    (folder / "mmlu/test/anatomy_test.csv").rename(folder / "mmlu/test/anatomy.csv")
    with pytest.raises(InputError, match=r"with `split`: dev, test, or give one file\."):
        read(folder, "mmlu/test")


def test_c_eval_and_mmlu_may_stand_side_by_side(folder):
    (folder / "mmlu/test/law_test.csv").write_text(CEVAL.format("law"))
    items = read(folder, "mmlu/test", subjects=("law", "virology")).items
    assert [item.id for item in items[:2]] == ["law/0", "law/1"]
    assert [item.question for item in items] == ["law one?", "law two?", "virology one?", "virology two?"]


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"path": "mmlu"}, "several splits"),
        ({"path": "mmlu", "split": "val"}, "no such split here; saw 'val'"),
        ({"path": "mmlu/test", "split": "dev"}, "no such split here"),
        ({"path": "mmlu/test", "subjects": ("anatomy", "law")}, "1 of 2 subjects are not here"),
        ({"path": "mmlu/test", "subjects_of": "medicine"}, "6 of 8 subjects are not here"),
        ({"path": "mmlu/test", "subjects_outside": "medicine"}, "49 of 49 subjects are not here"),
        ({"path": "mmlu/test", "config": "all"}, "no such configuration here"),
        ({"path": "mmlu/test/anatomy_test.csv", "config": "all"}, "no configurations are here"),
        ({"path": "mmlu/test/anatomy_test.csv", "subjects": ("law",)}, "1 of 1 subjects are not here"),
        ({"path": "mmlu/test/anatomy_test.csv", "split": "dev"}, "the file's split is 'test'"),
    ],
)
def test_what_does_not_fit_the_folder_is_an_error(folder, fields, problem):
    with pytest.raises(InputError, match=problem):
        read(folder, **fields)


def test_a_bad_row_names_its_file(folder):
    file = folder / "mmlu/test/virology_test.csv"
    file.write_text(SHEET.format("virology") + "three?,a,a,0\n")
    with pytest.raises(InputError) as caught:
        read(folder, "mmlu/test")
    assert (caught.value.file, caught.value.row, caught.value.field) == (str(file), 4, "choice1")


def test_a_file_without_a_good_row_is_an_error_even_beside_good_ones(folder):
    (folder / "mmlu/test/virology_test.csv").write_text("question,choice0,choice1,answer\nQ?,a,a,0\n")
    with pytest.raises(InputError, match=r"virology_test\.csv.*none of the 1 rows"):
        read(folder, "mmlu/test", on_bad_row="skip")


def test_a_subject_with_two_files_is_an_error(folder):
    (folder / "mmlu/virology_test.csv").write_text(SHEET.format("virology"))
    with pytest.raises(InputError, match="two files for the subject 'virology'"):
        read(folder, "mmlu", split="test")


def test_a_folder_of_two_formats_or_of_none_is_refused(folder):
    write(folder / "mmlu/test/all.parquet", ROWS)
    with pytest.raises(InputError, match="files of several formats are here"):
        read(folder, "mmlu/test")
    (folder / "empty").mkdir()
    with pytest.raises(InputError, match="no files of questions are here"):
        read(folder, "empty")


def test_an_exam_folder_is_read_by_its_splits(tmp_path):
    for split in ("train", "test"):
        (tmp_path / "law").mkdir(exist_ok=True)
        (tmp_path / f"law/{split}.jsonl").write_text("\n".join(map(json.dumps, EXAM)))
    items = read(tmp_path, "law", split="test").items
    assert [(item.id, item.domain, item.split, item.source) for item in items] == [
        (f"a-{k}", "", "test", "law/test.jsonl") for k in range(2)
    ]
    (tmp_path / "law/dev.json").write_text(json.dumps(EXAM))
    assert len(read(tmp_path, "law", split="dev").items) == 2
    with pytest.raises(InputError, match=r"several splits.*dev, test, train"):
        read(tmp_path, "law")


def test_mmlu_of_the_hub_by_subject_folders(tmp_path):
    for subject in ("anatomy", "virology"):
        rows = [row for row in ROWS if row["subject"] == subject]
        for split in ("dev", "test"):
            write(tmp_path / f"data/{subject}/{split}-00000-of-00001.parquet", rows)
    write(tmp_path / "data/all/test-00000-of-00001.parquet", ROWS)
    with pytest.raises(InputError, match=r"several configurations.*all, anatomy, virology"):
        read(tmp_path, split="test")
    with pytest.raises(InputError, match=r"several splits are here and none is named.*dev, test"):
        read(tmp_path, config="anatomy")
    with pytest.raises(InputError, match=r"no such split here; saw 'val'\. Here are: dev, test"):
        read(tmp_path, config="anatomy", split="val")
    with pytest.raises(InputError, match="no such configuration here; saw 'astrology'"):
        read(tmp_path, config="astrology", split="test")
    assert questions(tmp_path, config="anatomy", split="test") == ["anatomy 0?", "anatomy 1?"]
    chosen = read(tmp_path, subjects=("virology", "anatomy"), split="dev")
    assert [item.question for item in chosen.items] == [row["question"] for row in ROWS]
    assert [item.domain for item in chosen.items] == [row["subject"] for row in ROWS]
    with pytest.raises(InputError, match="6 of 8 subjects are not here"):
        read(tmp_path, subjects_of="medicine", split="test")
    whole = read(tmp_path, config="all", split="test")
    assert [item.id for item in whole.items] == [item.id for item in chosen.items]
    assert questions(tmp_path, config="all", subjects=("virology",)) == ["virology 0?", "virology 1?"]


def test_shards_are_one_data_set(tmp_path):
    for k, rows in enumerate([ROWS[:1], ROWS[1:]]):
        write(tmp_path / f"data/data/test-0000{k}-of-00002.parquet", rows)
    (tmp_path / "data/dataset_infos.json").write_text("{}")
    result = read(tmp_path)
    assert [item.question for item in result.items] == [row["question"] for row in ROWS]
    assert result.items[0].source == "data/data/test-00000-of-00002.parquet"
    assert result.items[0].split == "test"
    # The first shard has none of these.
    assert questions(tmp_path, subjects=("virology",)) == ["virology 0?", "virology 1?"]


def test_an_id_with_another_content_in_another_shard_is_found(tmp_path):
    for k in range(2):
        write(tmp_path / f"data/test-0000{k}-of-00002.parquet", [EXAM[0] | {"question": f"{k}?"}])
    with pytest.raises(InputError, match=r"in row 1 of .*test-00000-of-00002.parquet; saw 'a-0'"):
        read(tmp_path)


def test_save_to_disk_folders(tmp_path):
    table = datasets.Dataset.from_list(EXAM)
    table.save_to_disk(tmp_path / "one")
    both = datasets.DatasetDict({"train": table, "test": table.select([1])})
    both.save_to_disk(tmp_path / "both")
    assert [item.answer for item in read(tmp_path, "one").items] == [0, 1]
    test = read(tmp_path, "both", split="test")
    assert [(item.id, item.split, item.source) for item in test.items] == [("a-1", "test", "both")]
    with pytest.raises(InputError, match=r"several splits are here and none is named.*test, train"):
        read(tmp_path, "both")


def test_the_hub(tmp_path, monkeypatch):
    asked = []

    def load(path: str, name: str | None = None, split: str | None = None) -> object:
        asked.append((path, name, split))
        return datasets.Dataset.from_list(EXAM)

    monkeypatch.setattr(datasets, "load_dataset", load)
    items = read(tmp_path, "allenai/ai2_arc", config="ARC-Easy", split="test").items
    assert asked == [("allenai/ai2_arc", "ARC-Easy", "test")]
    assert [(item.source, item.split, item.answer) for item in items[:1]] == [("allenai/ai2_arc", "test", 0)]


@pytest.mark.parametrize(
    "failure", [ConnectionError("no route"), ValueError("no config"), RuntimeError("scripts")]
)
def test_a_hub_out_of_reach_names_the_remedy(tmp_path, monkeypatch, failure):
    def fail(*args: object, **kwargs: object) -> object:
        raise failure

    monkeypatch.setattr(datasets, "load_dataset", fail)
    with pytest.raises(InputError, match=f"{failure}.*download the data set's folder and give the path"):
        read(tmp_path, "allenai/ai2_arc")
