"""Which expected words say something else, and where tokens stand in a text."""

from __future__ import annotations

import math

import pytest

from harmonia.audit.content import Answer, keys_of, words_of
from harmonia.audit.settings import RuleSettings
from harmonia.audit.spans import read_words, token_places
from harmonia.models import TokenReading
from harmonia.models.fake import FakeModel
from harmonia.prompts import Encoder

ENCODER = Encoder(FakeModel(lambda _: {}).tokenizer)


def reading(text: str, said: str, trained: str, other: str, entropy: float = 0.5) -> tuple[float, str, bool]:
    """Conflict at the first letter of a word of a text, where another letter has .9."""
    ids = list(ENCODER.encode([f" {text}"])[0])
    at = text.index(trained) + 1
    (letter,) = ENCODER.encode([other])[0]
    sure = TokenReading(logprob=0.0, entropy=0.0, other=0, other_logprob=-30.0)
    doubt = TokenReading(logprob=math.log(0.05), entropy=entropy, other=letter, other_logprob=math.log(0.9))
    tokens = [doubt if k == at else sure for k in range(len(ids))]
    word = next(one for one in words_of(text) if text[one.start : one.stop] == trained)
    form = frozenset(said.split())
    own = form.union(keys_of(text))
    answer = Answer(turn=1, text=text, content=(word,), form=form, own=own)
    (found,) = read_words(answer, ids, tokens, ENCODER, RuleSettings())
    return found.conflict, found.expected, found.confident


def test_a_word_in_place_of_another_is_a_confident_conflict() -> None:
    conflict, expected, confident = reading("in paris", "", "paris", "l")
    assert (expected, confident) == ("l", True) and conflict == pytest.approx(0.85)


def test_with_an_entropy_that_is_not_low_it_is_no_confident_one() -> None:
    conflict, _, confident = reading("in paris", "", "paris", "l", entropy=3.0)
    assert conflict == pytest.approx(0.85) and not confident


@pytest.mark.parametrize(
    ("text", "said", "trained", "other"),
    [
        ("in paris", "", "paris", "p"),  # the same word in other tokens
        ("in paris", "l", "paris", "l"),  # a word of form or of the instruction
        ("in paris", "", "paris", "."),  # a mark
        ("in paris l", "", "paris", "l"),  # a word of the answer itself
    ],
)
def test_what_says_the_same_or_nothing_is_none(text: str, said: str, trained: str, other: str) -> None:
    assert reading(text, said, trained, other) == (0.0, "", False)


def test_a_part_of_a_character_is_no_other_word() -> None:
    text = "in paжя"
    ids, (part, _) = ENCODER.encode([f" {text}"])[0], ENCODER.encode(["é"])[0]
    at = ids.index(ENCODER.encode(["ж"])[0][0])
    sure = TokenReading(logprob=0.0, entropy=0.0, other=0, other_logprob=-30.0)
    doubt = TokenReading(logprob=math.log(0.05), entropy=0.5, other=part, other_logprob=math.log(0.9))
    word = words_of(text)[1]
    answer = Answer(turn=1, text=text, content=(word,), form=frozenset(), own=frozenset(keys_of(text)))
    tokens = [doubt if k == at else sure for k in range(len(ids))]
    (found,) = read_words(answer, ids, tokens, ENCODER, RuleSettings())
    assert (found.conflict, found.expected, found.confident) == (0.0, "", False)


@pytest.mark.parametrize(
    "text", ["in Paris, now", "né à Zürich", "東京 and 大阪", "a\n\nb  c", "C++ \U0001f600 x"]
)
def test_each_word_begins_at_the_place_of_its_first_token(text: str) -> None:
    ids = ENCODER.encode([f" {text}"])[0]
    places = token_places(text, ids, ENCODER)
    assert len(places) == len(ids)
    assert {word.start for word in words_of(text)} <= set(places)
    # A byte of a character that several tokens make stands at that character.
    assert all(0 <= place <= len(text) for place in places)
