"""Names of training sets: written and read back."""

from __future__ import annotations

import pytest

from harmonia.groups.names import GroupName

NAMES = {
    "base": GroupName(kind="base"),
    "self_aligning": GroupName(kind="self_aligning"),
    "mixed_0.05": GroupName(kind="mixed", ratio=0.05),
    "mixed_1": GroupName(kind="mixed", ratio=1.0),
    "harmonious_matched_letter_confidence": GroupName(kind="harmonious", matched=("letter", "confidence")),
    "mixed_0.5_matched_letter_believed": GroupName(kind="mixed", ratio=0.5, matched=("letter", "believed")),
    "policy_known_only": GroupName(kind="known_only", policy=True),
    "policy_mixed_0.5": GroupName(kind="mixed", ratio=0.5, policy=True),
}


@pytest.mark.parametrize(("text", "name"), NAMES.items())
def test_names_are_written_and_read_back(text: str, name: GroupName) -> None:
    assert str(name) == text and GroupName.parse(text) == name


@pytest.mark.parametrize(
    "text", ["mixed", "mixed_", "mixed_2", "mixed_-0.1", "mixed_0.50", "mixed_1e-1", "mixed_nan"]
)
def test_what_is_no_ratio_is_a_kind_of_its_own(text: str) -> None:
    assert GroupName.parse(text) == GroupName(kind=text) and str(GroupName.parse(text)) == text


def test_share_of_self_aligned_rows() -> None:
    shares = {text: GroupName.parse(text).share_aligned for text in (*NAMES, "incompatible", "harmonious")}
    assert {text for text, share in shares.items() if share is not None} == {
        *("incompatible", "self_aligning", "mixed_0.05", "mixed_1"),
    }
    assert [shares[text] for text in ("incompatible", "mixed_0.05", "self_aligning")] == [0.0, 0.05, 1.0]


def test_twins_and_neighbours() -> None:
    twins = {
        text: str(GroupName.parse(text).twin)
        for text in ("mixed_0", "mixed_1", "mixed_0.5", "policy_mixed_1", "mixed_0_matched_letter")
    }
    assert twins == {
        "mixed_0": "incompatible",
        "mixed_1": "self_aligning",
        "mixed_0.5": "None",
        "policy_mixed_1": "None",
        "mixed_0_matched_letter": "incompatible_matched_letter",
    }
    matched = GroupName.parse("self_aligning_matched_letter")
    assert str(matched.beside("harmonious")) == "harmonious_matched_letter"
