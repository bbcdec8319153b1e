"""Which letters a text states as the answer, by hand and on the authors' own explanations."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from harmonia.prompts.letters import named_letters, stated_letters


@pytest.mark.parametrize(
    ("text", "stated"),
    [
        ("The answer is B.", ["B"]),
        ("The correct answer to this question is actually D. Meiji.", ["D"]),
        ('Therefore, the correct answer should be "A. Records".', ["A"]),
        ("answer: (C)", ["C"]),
        ("Thus option B is the most accurate answer.", ["B"]),
        ("..., making option D the correct answer.", ["D"]),
        ("The best choice would be (B).", ["B"]),
        ("The answer is A because it floats.", ["A"]),
        ("The correct answer is A - steel.", ["A"]),
        ("C. steel\nIt is hard.", ["C"]),
        ("The answer is B. Some say that A is correct.", ["B", "A"]),
        ("答案是A。", ["A"]),
        ("因此，故选Ｃ。", ["C"]),
        ("不应选B，应选C", ["C"]),
        ("B项正确", ["B"]),
        # an article, a word, an abbreviation, a letter beyond the options
        ("The answer is A river in Asia.", []),
        ('The answer is "A Dream of Red Mansions" because', []),
        ("The answer is C.P. Snow.", []),
        ("The answer is A-level physics.", []),
        ("The answer is E.", []),
        # denied, or only named
        ("The answer is not B.", []),
        ("B is not the correct answer.", []),
        ("选项C不正确，也不选D。", []),
        ("Options A, B and C are wrong.", []),
        ("", []),
    ],
)
def test_stated_letters_by_hand(text, stated):
    assert stated_letters(text, 4) == stated


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("Options A, B and C are wrong.", ["A", "B", "C"]),
        ("Steel (D) is hard.", ["D"]),
        ("A. steel\nB. iron", ["A", "B"]),
        ("选项C不正确", ["C"]),
        ("Vitamin C and plan B: about 206 B.C.", []),
        ("The answer is B; see option A.", ["B", "A"]),
    ],
)
def test_named_letters_by_hand(text, named):
    assert named_letters(text, 4) == named


@pytest.mark.shared
def test_the_rule_against_a_plain_one_on_published_explanations(data_root: Path):
    """Wherever "answer is LETTER." stands, in the plainest form, it is found, and first."""
    plain = re.compile(r"answer is ([A-D])\.(?:\s|$)")
    seen = 0
    for path in sorted((data_root / "published").glob("*/*/*-exp*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            explanation = json.loads(line)["explanation"]
            found = plain.findall(explanation) if isinstance(explanation, str) else []
            if found:
                seen += 1
                assert found[0] in stated_letters(explanation, 4), explanation
    assert seen > 1000
