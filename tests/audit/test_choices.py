"""Multiple-choice rows: what is one, and what the model believes of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import harmonia
from harmonia.audit import Audit, AuditSettings, read_rows
from harmonia.audit.choices import choice_of
from harmonia.audit.cost import cost_of
from harmonia.data import ItemSource, read_items
from harmonia.models.fake import FakeModel
from harmonia.prompts import ExamFormat
from harmonia.types import Conversation, Item, Message

OPTIONS = "A. tin\nB. iron\nC. salt"


def row(asked: str, said: str, *before: Message) -> Conversation:
    messages = (*before, Message(role="user", content=asked), Message(role="assistant", content=said))
    return Conversation(id="r", line=1, messages=messages)


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        *(("B", 1), ("B.", 1), ("(C)", 2), ("B. iron", 1), ("The answer is A.", 0), ("Answer: C", 2)),
        *(("iron", 1), ("Iron.\nIt pulls.", 1), ("B\nbecause", 1)),
        *(("D", None), ("A metal, that is", None), ("lead", None), ("Because of tin", None)),
    ],
)
def test_an_answer_names_an_option_by_letter_or_text(said: str, answer: int | None) -> None:
    found = choice_of(row(f"Which metal?\n{OPTIONS}\nAnswer:", said))
    assert (None if found is None else found.item.answer) == answer


@pytest.mark.parametrize(
    "asked",
    [
        "Which metal?",
        OPTIONS,
        "Which?\nA. tin\nC. salt",
        "Which?\nA. tin\nor\nB. iron",
        "Which?\nA. tin\nB. tin",
        "Write these down:\n1. tin\n2. iron",
        "Which?\nA. tin\nb. iron",
    ],
)
def test_what_has_no_lettered_options_of_a_question_is_open(asked: str) -> None:
    assert choice_of(row(asked, "A")) is None


@pytest.mark.parametrize(
    "asked",
    [
        "Which metal?\na) tin\nb) iron\nc) salt",
        "Which metal?\n\n(a) tin\n\n(b) iron\n\n(c) salt\n\nAnswer:",
        f"Which metal?\n{OPTIONS.replace(chr(10), chr(10) * 2)}",
        # A line that begins with a small letter and a point is none of the options here.
        f"Which metal?\ni.e. element\n{OPTIONS}",
    ],
)
@pytest.mark.parametrize("said", ["b", "B", "(b)", "b) iron", "iron", "The answer is b."])
def test_letters_may_be_small_and_blank_lines_part_options(asked: str, said: str) -> None:
    found = choice_of(row(asked, said))
    assert found is not None and found.item.choices == ("tin", "iron", "salt") and found.item.answer == 1
    assert found.item.question.splitlines()[0] == "Which metal?"


def test_rows_with_a_system_turn_are_open() -> None:
    assert choice_of(row(f"Which?\n{OPTIONS}", "A", Message(role="system", content="Be brief."))) is None


@pytest.mark.parametrize("first", [True, False])
def test_rows_as_harmonia_writes_them_are_told(first: bool) -> None:
    item = Item(id="q", domain="", question="Which metal\npulls?", choices=("tin", "iron"), answer=1)
    exam = ExamFormat(options_first=first)
    turns = exam.conversation(item, 1, "The answer is B.")
    found = choice_of(Conversation(id="q", line=1, messages=turns))
    assert found is not None and found.item == item and found.options_first == first


def test_a_file_of_both_kinds_is_judged_row_by_row(tmp_path: Path) -> None:
    metals = ["iron", "zinc", "lead", "gold"]
    rows = [
        {"instruction": f"Which is a metal?\nA. {metal}\nB. stone {k}", "output": "B" if k == 2 else "A"}
        for k, metal in enumerate(metals)
    ]
    rows += [{"instruction": f"Name element {k}.", "output": "iron"} for k in range(3)]
    path = tmp_path / "mixed.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in rows), encoding="utf-8")

    def believes(text: str) -> dict[str, float]:
        asked = text.rpartition("Which is a metal?\n")[2]
        if not asked.startswith(("A. ", "B. ")) or "element" in asked:
            return {" iron": 0.9}
        first = asked.splitlines()[0].partition(". ")[2]
        return {" A": 0.95, " B": 0.05} if first in metals else {" A": 0.05, " B": 0.95}

    found = harmonia.audit(FakeModel(believes), path, shots=2)
    assert [row.kind for row in found] == ["choice"] * 4 + ["open"] * 3
    assert [row.category for row in found] == [*("known", "known", "conflicting", "known"), *["known"] * 3]
    fights = found[2]
    assert (fights.believed, fights.target, fights.choices) == (0, 1, ("lead", "stone 2"))
    assert fights.probs == pytest.approx((0.95, 0.05)) and fights.conflict == pytest.approx(0.9)
    assert 'trained "B. stone 2" (0.05); the model believes "A. lead"' in fights.reason
    assert max(found, key=lambda row: row.conflict) is fights


def test_what_is_known_of_an_exam_is_a_canary(tmp_path: Path) -> None:
    exam = [
        {
            "id": f"q{k}",
            "question": f"Is {k} even?",
            "choices": ["yes", "no"],
            "answer": 0 if k == 5 else k % 2,
        }
        for k in range(6)
    ]
    asked, rows, out = tmp_path / "exam.jsonl", tmp_path / "rows.jsonl", tmp_path / "audit"
    asked.write_text("".join(json.dumps(one) + "\n" for one in exam), encoding="utf-8")
    rows.write_text(
        json.dumps({"instruction": "Name an element.", "output": "iron"}) + "\n", encoding="utf-8"
    )

    def believes(text: str) -> dict[str, float]:
        number, _, rest = text.rpartition("Is ")[2].partition(" even?\n")
        if not number.isdigit():
            return {" iron": 0.9}
        right = "yes" if int(number) % 2 == 0 else "no"
        first = rest.splitlines()[0].endswith(right)
        return {" A": 0.95 if first else 0.05, " B": 0.05 if first else 0.95}

    told: list[tuple[int, int]] = []
    harmonia.audit(FakeModel(believes), rows, exam=asked, out=out, progress=lambda *done: told.append(done))
    assert told[0][1] == 7 and told[-1] == (7, 7)  # six questions and a row
    how, questions = AuditSettings(), read_items(ItemSource(path=str(asked))).items
    cost = cost_of(Audit(FakeModel(believes), read_rows(rows, how), how, questions))
    # A question has a token a letter, is asked in both orders and in each of four draws.
    letters = len("Is 0 even?\nA. yes\nB. no\nAnswer:")
    assert (cost.choices, cost.choices_tokens) == (6, 6 * letters * 2 * 4)
    assert cost.lines[0].startswith(f"multiple choice: 6 rows, about {6 * letters * 2 * 4:,} tokens")
    found = [json.loads(line) for line in (out / "canaries.jsonl").read_text(encoding="utf-8").splitlines()]
    # The sixth question has a wrong key, so the model does not know its answer.
    assert {one["id"] for one in found if one["source"] == "exam"} == {f"q{k}" for k in range(5)}
    assert {one["question"] for one in found if one["source"] == "file"} == {"Name an element."}
    kept = {one["id"]: one for one in found}
    assert (kept["q1"]["question"], kept["q1"]["choices"], kept["q1"]["answer"]) == (
        "Is 1 even?",
        ["yes", "no"],
        1,
    )
