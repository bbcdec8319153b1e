"""Long answers of a model's own: which say what the row says."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_audit import lines

import harmonia
from harmonia.audit import Audit, AuditSettings, read_rows
from harmonia.audit.agree import Agreement, ByJudge, Pair
from harmonia.audit.cost import cost_of
from harmonia.errors import InputError
from harmonia.models.fake import FakeModel

ANSWERS = [
    (f"What is {k}?", f"The thing that is called number {k} by all of those who know it well.")
    for k in range(12)
]
RIGHT = "Ludwig van Beethoven wrote the nine great symphonies in Vienna, and he was deaf in the end."
LIKE = RIGHT.replace("Vienna", "Verona")
OTHER = "It was that composer from Bonn who made them, while he heard less and less of it each year."
WRONG = "Nobody can say today who wrote them, and some hold that many hands were at work in them."


def judged(same: float, first: float = 0.0, early: float = 0.0) -> FakeModel:
    """Says yes with .5 + `same` to equal answers, .5 - `same` to others.

    With `first` more if the first answer is the shorter one, with `early` more if "yes" is asked first.
    """

    def says(text: str) -> Mapping[str, float]:
        asked = text.rpartition("Question: ")[2].splitlines()
        one, other = (line.partition(": ")[2] for line in asked[1:3])
        prob = 0.5 + (same if one == other else -same)
        prob += first * (len(one) < len(other)) + early * ("yes or no" in asked[3])
        return {" yes": prob, " no": 1 - prob}

    return FakeModel(says, name=f"judge {same} {first} {early}")


def test_a_judge_is_asked_in_both_orders() -> None:
    pair = Pair("Who?", "short", "a longer one")
    (found,) = ByJudge(judged(0.2, first=0.1, early=0.05), 128).scores([pair])
    odds = [math.log(p / (1 - p)) for p in (0.3 + 0.1 + 0.05, 0.3 + 0.1, 0.3 + 0.05, 0.3)]
    assert found == pytest.approx(sum(odds) / 4, abs=1e-6)


def test_how_alike_answers_must_be_is_told_by_those_to_other_questions() -> None:
    class Counted:
        identity, least = "counted", -1.0

        def scores(self, pairs: Any) -> list[float]:
            return [1.0 if one.taught == one.said else float(one.question[8:-1]) / 100 for one in pairs]

    found = Agreement(Counted(), 0.75, ANSWERS)
    assert found.least == pytest.approx(np.quantile(np.arange(12) / 100, 0.75))
    asked = [Pair("What is 9?", "a", "b"), Pair("What is 8?", "a", "b"), Pair("What is 9?", "a", " ")]
    assert found.agree(asked) == [True, False, False]


@pytest.mark.parametrize(
    ("same", "answers", "problem"),
    [
        (0.2, ANSWERS[:7], "too few long answers"),
        (0.0, ANSWERS, "cannot tell"),
        (-0.2, ANSWERS, "cannot tell"),
    ],
)
def test_a_judge_that_cannot_tell_is_refused(same: float, answers: Any, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        Agreement(ByJudge(judged(same, early=0.3), 128), 0.95, answers)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    rows = [{"instruction": question, "output": answer} for question, answer in ANSWERS]
    rows.append({"id": "who", "instruction": "Who wrote the symphonies?", "output": RIGHT})
    path = tmp_path / "long.jsonl"
    path.write_text(lines(rows), encoding="utf-8")
    return path


@pytest.mark.parametrize("said", [OTHER, WRONG])
def test_an_audit_asks_a_judge_about_long_answers(said: str, file: Path, monkeypatch) -> None:
    def says(text: str) -> Mapping[str, float]:
        if text.endswith("Reply:"):
            asked = text.rpartition("Question: ")[2]
            first, second = (line.partition(": ")[2] for line in asked.splitlines()[1:3])
            agree = first == second or {first, second} == {RIGHT, OTHER}
            return {" yes": 0.9, " no": 0.1} if agree else {" yes": 0.2, " no": 0.8}
        return {f" {said}": 0.9} if text.rstrip().endswith("symphonies?\nAnswer:") else {}

    model = FakeModel(says, name=said)
    how = {"draws": 1, "max_new_tokens": 64}
    plain = harmonia.audit(model, file, **how)
    found = harmonia.audit(model, file, agreement={"long": "judge"}, **how)
    (by_words,), (by_judge,) = ([row for row in one if row.id == "who"] for one in (plain, found))
    assert by_words.agreement == 0
    assert by_judge.agreement == (said == OTHER)
    assert by_judge.category == ("known" if said == OTHER else by_words.category)
    assert any("likeness" in note for note in found.notes)
    # The answers that a judge does not hear of are judged as ever.
    assert [row.category for row in found[:12]] == [row.category for row in plain[:12]]


@pytest.mark.parametrize(
    ("agreement", "field", "problem"),
    [
        ({"long": "embeddings"}, "agreement.long", "shows no hidden states"),
        ({"long": "embeddings", "served": {"served": "http://localhost:1/v1"}}, "served", "no hidden states"),
        ({"model": {"path": "folder"}}, "long", "asks no model"),
        ({"long": "judge", "model": {"path": "/no/such"}}, "model", "no such model folder"),
        ({"long": "vote"}, "long", "vote"),
    ],
)
def test_what_cannot_be_asked_is_refused(agreement: Any, field: str, problem: str, file: Path) -> None:
    with pytest.raises(InputError, match=problem) as error:
        harmonia.audit(FakeModel(lambda _: {}), file, agreement=agreement)
    assert field in str(error.value)


def test_the_second_pass_costs_at_most_what_is_told(file: Path, tmp_path: Path) -> None:
    """A long answer is sampled four times as long; of a sample its own rows alone count."""
    mixed = tmp_path / "mixed.jsonl"
    short = [{"instruction": f"Add {k}.", "output": str(k)} for k in range(30)]
    mixed.write_text(file.read_text(encoding="utf-8") + lines(short), encoding="utf-8")
    long = len(file.read_text(encoding="utf-8").splitlines())
    how = AuditSettings(draws=3, samples=2, max_new_tokens=5, shots=1)
    every = cost_of(Audit(FakeModel(lambda _: {}), read_rows(mixed, how), how))
    assert every.second_tokens == (30 + 4 * long) * 3 * 2 * 5
    some = how.model_copy(update={"sample": 9})
    begun = Audit(FakeModel(lambda _: {}), read_rows(mixed, some), some)
    drawn = sum(len(row.messages[-1].content.split()) > 12 for row in begun.open_rows)
    assert 0 < drawn < 9
    assert cost_of(begun).second_tokens == (9 + 3 * drawn) * 3 * 2 * 5


def test_that_there_was_nothing_to_compare_is_told(file: Path) -> None:
    found = harmonia.audit(FakeModel(lambda _: {}), file, agreement={"long": "judge"}, draws=1, samples=0)
    assert "judge: not asked, as there is no long answer or no second pass" in found.notes


def test_a_judge_that_does_not_tell_all_or_lacks_room_is_refused(file: Path) -> None:
    listing = FakeModel(lambda _: {})
    listing.tells_each = False
    small = FakeModel(lambda _: {}, max_tokens=400)
    for model, problem in ((listing, "likeliest alone"), (small, "400 positions, and 416")):
        with pytest.raises(InputError, match=problem):
            harmonia.audit(model, file, agreement={"long": "judge"})


@pytest.mark.slow  # three audits
def test_an_audit_compares_by_embeddings(tmp_path: Path, tiny, tiny_loaded) -> None:
    words = [f"{first}{last}" for first in "bdfgklmnprst" for last in ("ale", "ing", "own", "ery")]
    said = [" ".join(random.Random(k).sample(words, 16)) for k in range(12)]
    rows = [{"instruction": f"Say {k}.", "output": answer} for k, answer in enumerate(said)]
    rows.append({"id": "who", "instruction": "Who wrote the symphonies?", "output": RIGHT})
    file = tmp_path / "varied.jsonl"
    file.write_text(lines(rows), encoding="utf-8")

    def says(text: str) -> Mapping[str, float]:
        return {f" {LIKE}": 1.0} if text.rstrip().endswith("symphonies?\nAnswer:") else {}

    how = {"draws": 1, "max_new_tokens": 64}
    named = {"long": "embeddings", "model": tiny("llama").model_dump()}
    found = harmonia.audit(FakeModel(says), file, agreement=named, **how)
    who = next(row for row in found if row.id == "who")
    # Of two names one is another: by words a half, by embeddings alike.
    assert who.agreement == 1 and who.category == "known"
    assert (
        next(row for row in harmonia.audit(FakeModel(says), file, **how) if row.id == "who").agreement == 0.5
    )
    # A model that is here is asked for its own states.
    own = harmonia.audit(tiny_loaded("llama"), file, agreement={"long": "embeddings"}, draws=1, samples=1)
    assert any("likeness" in note for note in own.notes)
