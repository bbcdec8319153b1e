from __future__ import annotations

from collections import Counter

import pandas as pd
import pytest

from harmonia.data import CATEGORIES, DOMAINS, MMLU_SUBJECTS, ItemSource, read_items, subjects_outside
from harmonia.types import Item


def test_there_are_57_subjects_in_17_categories():
    assert len(CATEGORIES) == 17
    assert len(MMLU_SUBJECTS) == len(set(MMLU_SUBJECTS)) == 57


@pytest.mark.parametrize(
    ("domain", "size"), [("medicine", 8), ("history", 4), ("engineering", 1), ("jurisprudence", 15)]
)
def test_a_domain_and_its_outside_are_all_subjects(domain, size):
    assert len(DOMAINS[domain]) == size
    assert sorted([*DOMAINS[domain], *subjects_outside(domain)]) == list(MMLU_SUBJECTS)


REPEATED_CHOICES = {
    ("business_ethics", "Employee"),
    ("electrical_engineering", "0.015 joule."),
    ("elementary_mathematics", "687"),
    ("high_school_chemistry", "exothermic"),
    ("high_school_macroeconomics", "Increase"),
    ("high_school_physics", "0.16 N"),
    ("international_law", "arbitral"),
    ("public_relations", "manipulative"),
    ("sociology", "debt repayments"),
}


@pytest.fixture(scope="module")
def mmlu(data_root):
    return read_items(ItemSource(path="mmlu", split="test", on_bad_row="skip"), data_root)


@pytest.fixture(scope="module")
def counted(data_root) -> dict[str, tuple[int, int, int]]:
    """Rows of MMLU's test files, and how many are copies of another of the file, counted by pandas."""
    found = {}
    for path in sorted((data_root / "mmlu/test").glob("*.csv")):
        sheet = pd.read_csv(path, dtype=str, keep_default_na=False)
        words = sheet.map(str.strip)
        bad = (words.filter(like="choice").nunique(axis=1) < 4).sum()
        found[path.stem.removesuffix("_test")] = (len(sheet), int(words.duplicated().sum()), int(bad))
    return found


@pytest.mark.slow
@pytest.mark.shared
def test_mmlu_is_whole_but_for_copies_and_nine_rows_with_repeated_options(mmlu, counted):
    assert len(mmlu.items) + len(mmlu.skipped) + mmlu.copies == 14_042
    found = {
        (subject, text)
        for bad in mmlu.skipped
        for subject, text in REPEATED_CHOICES
        if f"/{subject}_test.csv" in bad.file and text in str(bad.seen)
    }
    assert found == REPEATED_CHOICES
    assert len(mmlu.skipped) == 9
    assert all("same text as option" in bad.problem for bad in mmlu.skipped)
    kept = Counter(item.domain for item in mmlu.items)
    assert kept == {subject: rows - copies - bad for subject, (rows, copies, bad) in counted.items()}
    assert mmlu.copies == 27


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.parametrize(
    ("domain", "inside", "outside"),
    [
        ("medicine", 1_640, 12_402),
        ("history", 930, 13_112),
        ("engineering", 145, 13_897),
        ("jurisprudence", 4_840, 9_202),
    ],
)
def test_the_suites_of_a_domain_have_the_counts_of_the_study(data_root, mmlu, domain, inside, outside):
    counts = {}
    for choice in ("subjects_of", "subjects_outside"):
        source = ItemSource(path="mmlu/test", on_bad_row="skip", **{choice: domain})
        result = read_items(source, data_root)
        counts[choice] = len(result.items) + len(result.skipped) + result.copies
        expected: list[Item] = [
            item for item in mmlu.items if (item.domain in DOMAINS[domain]) == (choice == "subjects_of")
        ]
        assert [item.id for item in result.items] == [item.id for item in expected]
    assert counts == {"subjects_of": inside, "subjects_outside": outside}


@pytest.mark.shared
def test_mmlu_dev_has_five_questions_a_subject(data_root):
    result = read_items(ItemSource(path="mmlu/dev", on_bad_row="skip"), data_root)
    assert (len(result.items), len(result.skipped), result.copies) == (283, 1, 1)
    assert result.skipped[0].file.endswith("high_school_biology_dev.csv")
