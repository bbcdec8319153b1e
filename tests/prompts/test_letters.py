"""Which letters a text states as the answer, by hand and on explanations that people wrote."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest

from harmonia.prompts import letters
from harmonia.prompts.letters import letter_mentions, named_letters, stated_letters


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
        ("Neither A nor B is correct.", []),
        ("", []),
    ],
)
def test_stated_letters_by_hand(text, stated):
    assert stated_letters(text, 4) == stated


# Spellings met in explanations of medical exams and in those that models write; words shortened.
SPELLED = [
    *(
        (f"Ans{mark} {letter} iron", ["C"])
        for mark in (":", ".", ".:", ":.", " -")
        for letter in ("C.", "c.", "(c)")
    ),
    *((f"Answer{mark}C. iron", ["C"]) for mark in ("- ", "-", ": ", " - ", ": . ", " = ", " → ")),
    *((f"Ans. is {letter} i.e., iron", ["B"]) for letter in ("'b'", "`b'", "‘b’", "b", "'B'", "(b)", "`b.'")),
    ("Ans, is 'a' i.e., iron", ["A"]),
    ("Ans. is'c'i.e.,iron", ["C"]),
    ("Ans. is. 'd' i. e., iron", ["D"]),
    ("Ans 'b' i.e. iron", ["B"]),
    ("Ans (a) iron", ["A"]),
    ("Ans) b (iron)", ["B"]),
    ("Ans B", ["B"]),
    ("Ans.C.225 grams", ["C"]),
    ("ANSWER: (A) IRON", ["A"]),
    ("Answer A. iron", ["A"]),
    ("Answer is A (iron)", ["A"]),
    ("Answer is B (iron): it rusts", ["B"]),
    ("It rusts, so the answer will be B", ["B"]),
    ("Correct option is 'd'", ["D"]),
    ("Hence option (c) is the correct answer here.", ["C"]),
    ("option b is right", ["B"]),
    ("B i.e. iron is hard", ["B"]),
    ("(B) iron # it is hard", ["B"]),
    ("B) iron is hard", ["B"]),
    ("b) iron is hard", ["B"]),
    ("(B)", ["B"]),
    ("d. No metal at all", ["D"]),
    ("Sol. (b) It is hard", ["B"]),
    # set without blanks
    ("Answer- CThe metal is iron", ["C"]),
    ("Ans: aRef: a book, p. 20", ["A"]),
    ("Ans. A Iron oxideRef: a book", ["A"]),
    ("Ans-d-Iron, it is hard", ["D"]),
    # by models
    ('Therefore, option A, "Made of iron," is the correct answer.', ["A"]),
    ('Thus option B - "Made of iron" - is the most accurate.', ["B"]),
    ('making option D, "Iron," the correct choice', ["D"]),
    ('the answer to the multi-choice question is "C. Iron"', ["C"]),
    ("The closest to it is option D: iron.", ["D"]),
    ('The answer is "Iron" (option C).', ["C"]),
    ("\\boxed{B}", ["B"]),
    ("Final answer: **B**", ["B"]),
    *((text, ["B"]) for text in ("B is the answer.", "b is the right answer", "Correct: B", "Key: b.")),
    *((f"It rusts. {word} B.", ["B"]) for word in ("So,", "Hence", "Therefore,", "∴")),
    ("Answer is option 4, iron", ["D"]),
    ("The answers are A and C.", ["A", "C"]),
    *((text, ["C"]) for text in ("【答案】C", "答案：Ｃ", "答案选C", "故本题选c。", "參考答案：C")),
    *((text, ["C"]) for text in ("正确选项是C", "选项C正确", "C选项正确")),
    ("A错误，B正确，故选B", ["B"]),
]

# Nothing is stated: words, names, lists, denials, and letters of something else.
UNSAID = [
    *("Ans. DNA is copied", "Ans. CT of the skull", "Ans. A 45-year-old man", "Ans. I do not know"),
    *("Ans. a patient came", "Answer: a river in Asia", "C. difficile is a germ.", "Vitamin C is best."),
    *("So B cells do", "where b is the best constant", "So it is a cell"),
    *("He got a B in physics.", "b is correct", "A cell is closest to it.", "Solution A is correct."),
    *("a. iron b. zinc c. tin", "A - iron, B - zinc, C - tin", "A. iron\nB. zinc\nThe second."),
    *("The wrong options are:\n\nA. iron, which rusts", "Of each choice question are:\nA. iron"),
    *("Option A- iron Option B- zinc", "The answer isn't B.", "Options B and C are correct."),
    *("不能选B", "B不正确", "这是选择题", "choice ② is true"),
]


@pytest.mark.parametrize(("text", "stated"), [*SPELLED, *((text, []) for text in UNSAID)])
def test_spellings_of_real_explanations(text, stated):
    assert stated_letters(text, 4) == stated


def test_a_mention_knows_where_it_stands():
    text = "Iron. Ans. is ‘Ｂ’, not option (a)."
    assert [(text[one.start : one.at + 1], one.letter, one.stated) for one in letter_mentions(text, 4)] == [
        ("Ans. is ‘Ｂ", "B", True),
        ("option (a", "A", False),
    ]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("Options A, B and C are wrong.", ["A", "B", "C"]),
        ("Steel (D) is hard.", ["D"]),
        ("A. steel\nB. iron", ["A", "B"]),
        ("选项C不正确", ["C"]),
        ("Vitamin C and plan B: about 206 B.C.", []),
        ("The answer is B; see option A.", ["B", "A"]),
        ("option a & c are ruled out", ["A", "C"]),
        ("Option A refers to iron, choice (B) to zinc.", ["A", "B"]),
        ("the others, i.e. choices, A and D", ["A", "D"]),
        ("Options 1 and 3 rust.", ["A", "C"]),
        ("Lp(a) and HLA-B, 4 °C, Franklin D. Roosevelt", []),
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


@pytest.mark.shared
def test_of_plain_answers_in_medical_explanations_hardly_one_is_missed(data_root: Path):
    """`Ans. B`, `Ans: b`, `Answer- B` and a mark behind it, at the head of an explanation of MedMCQA."""
    plain = re.compile(r"ans(?:wer)?\s?[.:-]\s?([A-Da-d])[.) ]\s?(?![a-z])", re.IGNORECASE)
    lines = (data_root / "exams/medmcqa/test.jsonl").read_text(encoding="utf-8").splitlines()
    said = [
        (match[1].upper(), text)
        for text in (json.loads(line)["explanation"] for line in lines)
        if (match := plain.match(text))
    ]
    assert len(said) > 600
    missed = [text for letter, text in said if stated_letters(text, 4)[:1] != [letter]]
    assert len(missed) < 0.01 * len(said), missed


def test_no_pattern_repeats_without_a_bound():
    """But those that begin at the text's beginning: they are tried once."""
    for pattern, _ in letters._PATTERNS:
        assert pattern.pattern[0] == "^" or not re.search(r"[*+]|,\}", pattern.pattern)


@pytest.mark.parametrize(
    "piece",
    [
        *(
            " ",
            "\n",
            "(",
            ")",
            '"',
            ".",
            "1",
            "A ",
            "A, ",
            "(A) ",
            "option A, ",
            "answer is ",
            "is ",
            "answer to ",
            "答案是",
        ),
        "a\u0323\u0301",
    ],
)
def test_work_grows_with_the_length(piece):
    """80,000 characters in seconds at worst; the square of the length took minutes."""
    text = "The answer is " + piece * (80_000 // len(piece))
    start = time.process_time()
    stated_letters(text, 4)
    assert time.process_time() - start < 5
