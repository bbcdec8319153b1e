from __future__ import annotations

from pathlib import Path

import pytest

from harmonia.data import ItemSource, read_items
from harmonia.errors import InputError

MMLU = "question,choice0,choice1,answer\n{0} one?,a,b,0\n{0} two?,a,b,1\n"
CEVAL = "id,question,A,B,C,D,answer\n0,{0} one?,a,b,c,d,A\n1,{0} two?,a,b,c,d,B\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for split in ("dev", "test"):
        (tmp_path / "mmlu" / split).mkdir(parents=True)
        for subject in ("virology", "anatomy"):
            (tmp_path / "mmlu" / split / f"{subject}_{split}.csv").write_text(MMLU.format(subject))
    return tmp_path


def ids(root: Path, **fields: object) -> list[str]:
    return [item.id for item in read_items(ItemSource(**fields), root).items]  # type: ignore[arg-type]


def test_files_come_in_the_order_of_their_names(folder):
    result = read_items(ItemSource(path="mmlu", split="test"), folder)
    assert [item.id for item in result.items] == ["anatomy/0", "anatomy/1", "virology/0", "virology/1"]
    assert {item.source for item in result.items} == {
        "mmlu/test/anatomy_test.csv",
        "mmlu/test/virology_test.csv",
    }
    assert {item.split for item in result.items} == {"test"}


def test_the_folder_of_a_split_needs_no_split(folder):
    assert len(ids(folder, path="mmlu/dev")) == 4


def test_splits_in_one_folder_are_told_by_name(folder):
    for file in (folder / "mmlu" / "dev").iterdir():
        file.rename(folder / "mmlu" / "test" / file.name)
    assert {name for name in ids(folder, path="mmlu/test", split="dev")} == {
        "anatomy/0",
        "anatomy/1",
        "virology/0",
        "virology/1",
    }
    with pytest.raises(InputError, match=r"several splits are here and none is named.*dev, test"):
        ids(folder, path="mmlu/test")


def test_c_eval_and_mmlu_may_stand_side_by_side(folder):
    (folder / "mmlu/test/law_test.csv").write_text(CEVAL.format("law"))
    assert ids(folder, path="mmlu/test", subjects=("law", "virology")) == [
        "law/0",
        "law/1",
        "virology/0",
        "virology/1",
    ]


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"path": "mmlu"}, "several splits"),
        ({"path": "mmlu", "split": "val"}, "no CSV file of that split"),
        ({"path": "mmlu/test", "split": "dev"}, "no CSV file of that split"),
        ({"path": "mmlu/test", "subjects": ("anatomy", "law")}, "1 of 2 subjects are not here"),
        ({"path": "mmlu/test", "subjects_of": "medicine"}, "6 of 8 subjects are not here"),
        ({"path": "mmlu/test", "subjects_outside": "medicine"}, "49 of 49 subjects are not here"),
        ({"path": "mmlu/test", "reader": "mmlu"}, "reads one file, and this is a folder"),
        ({"path": "mmlu/test", "config": "all"}, "no configurations are here"),
        ({"path": "mmlu/test/anatomy_test.csv", "subjects": ("anatomy",)}, "one file has no subjects"),
    ],
)
def test_what_does_not_fit_the_folder_is_an_error(folder, fields, problem):
    with pytest.raises(InputError, match=problem):
        read_items(ItemSource(**fields), folder)


def test_a_bad_row_names_its_file(folder):
    file = folder / "mmlu/test/virology_test.csv"
    file.write_text(MMLU.format("virology") + "three?,a,a,0\n")
    with pytest.raises(InputError) as caught:
        ids(folder, path="mmlu/test")
    assert (caught.value.file, caught.value.row, caught.value.field) == (str(file), 4, "choice1")


def test_a_file_without_a_good_row_is_an_error_even_beside_good_ones(folder):
    (folder / "mmlu/test/virology_test.csv").write_text("question,choice0,choice1,answer\nQ?,a,a,0\n")
    with pytest.raises(InputError, match=r"virology_test\.csv.*none of the 1 rows"):
        ids(folder, path="mmlu/test", on_bad_row="skip")


def test_a_subject_with_two_files_is_an_error(folder):
    (folder / "mmlu/test/virology.csv").write_text(MMLU.format("virology"))
    with pytest.raises(InputError, match="two files for the subject 'virology'"):
        ids(folder, path="mmlu/test")
