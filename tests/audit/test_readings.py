"""What the first pass reads, against plain transformers; and how rows are shown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest
import torch

from harmonia.audit.content import FileForm
from harmonia.audit.first import FirstPass
from harmonia.audit.settings import AuditSettings
from harmonia.audit.shots import Shown
from harmonia.models import LocalModel
from harmonia.models.fake import FakeModel
from harmonia.prompts import Encoder
from harmonia.types import Conversation, Message

WORDS = ("river", "metal", "bridge", "treaty", "king", "steel", "city", "voltage")


def row(name: str, *turns: tuple[str, str]) -> Conversation:
    return Conversation(
        id=name, line=1, messages=tuple(Message(role=who, content=said) for who, said in turns)
    )


def file_of(size: int = 8) -> list[Conversation]:
    return [
        row(
            f"r{k}",
            ("user", f"Which {WORDS[k % 8]} is it, {k}?"),
            ("assistant", f"It is the {WORDS[(k + 3) % 8]}."),
        )
        for k in range(size)
    ]


def shown(rows: Sequence[Conversation], model: Any, settings: AuditSettings) -> Shown:
    return Shown(rows, settings, str, Encoder(model.tokenizer), model.max_tokens)


def first_pass(rows: Sequence[Conversation], model: Any, settings: AuditSettings) -> FirstPass:
    encoder = Encoder(model.tokenizer)
    form = FileForm(rows, settings.common, settings.short)
    return FirstPass(model, encoder, shown(rows, model, settings), form, settings)


def by_hand(model: LocalModel, context: str, answer: str) -> tuple[list[float], list[float]]:
    """NLL and entropy at each token of an answer, by one plain pass of transformers."""
    encoder = Encoder(model.tokenizer)
    head, ids = encoder.encode([context, context + answer])
    with torch.no_grad():
        logits = model.model(torch.tensor([ids])).logits[0].double()
    logprobs = logits.log_softmax(-1)[len(head) - 1 : -1]
    entropies = -(logprobs.exp() * logprobs).sum(-1)
    nll = [-float(line[token]) for line, token in zip(logprobs, ids[len(head) :], strict=True)]
    return nll, entropies.tolist()


def test_readings_are_those_of_a_plain_pass(tiny_loaded) -> None:
    model, rows = tiny_loaded("llama"), file_of()
    settings = AuditSettings(shots=2, draws=2, longest_answer=100)
    reader, writer = first_pass(rows, model, settings), shown(rows, model, settings)
    for one, found in zip(rows, reader.read(rows), strict=True):
        answer = f" {one.messages[1].content}"
        for draw, read in enumerate(found.draws):
            shots = writer.demonstrations(one, draw)
            assert len(shots) == 2 and one not in shots
            solved = [f"{shot.messages[0].content}\nAnswer: {shot.messages[1].content}" for shot in shots]
            context = "\n\n".join([*solved, f"{one.messages[0].content}\nAnswer:"])
            nll, entropies = by_hand(model, context, answer)
            excess = [a - b for a, b in zip(nll, entropies, strict=True)]
            assert read.nll == pytest.approx(sum(nll) / len(nll), abs=1e-4)
            assert read.excess == pytest.approx(sum(excess) / len(excess), abs=1e-4)
            assert read.largest == pytest.approx(max(excess), abs=1e-4)
        (with_it, _), (without, _) = (
            by_hand(model, front, answer) for front in (f"{one.messages[0].content}\nAnswer:", "Answer:")
        )
        assert found.ifd == pytest.approx(sum(with_it) / sum(without), abs=1e-4)


def test_the_word_at_stake_has_the_probability_of_its_tokens(tiny_loaded) -> None:
    model, rows = tiny_loaded("llama"), file_of()
    settings = AuditSettings(shots=2, draws=1)
    (found,) = first_pass(rows, model, settings).read(rows[:1])
    text = rows[0].messages[1].content
    places = {text[word.start : word.stop]: word for word in found.draws[0].words}
    assert set(places) == {"treaty"}
    shots = shown(rows, model, settings).demonstrations(rows[0], 0)
    context = shown(rows, model, settings).context(rows[0], 1, shots)
    before, whole = (by_hand(model, context, answer) for answer in (" It is the", " It is the treaty"))
    assert places["treaty"].logprob == pytest.approx(sum(before[0]) - sum(whole[0]), abs=1e-4)
    assert places["treaty"].tokens == len(whole[1]) - len(before[1])
    assert places["treaty"].entropy == pytest.approx(sum(whole[1]) - sum(before[1]), abs=1e-4)


def test_demonstrations_are_the_same_for_all_but_those_shown() -> None:
    rows, settings = file_of(40), AuditSettings(shots=3)
    writer = shown(rows, FakeModel(lambda _: {}), settings)
    for draw in range(3):
        sets = [tuple(shot.id for shot in writer.demonstrations(one, draw)) for one in rows]
        usual = max(set(sets), key=sets.count)
        assert sets.count(usual) == 40 - 3
        assert all(one.id not in names for one, names in zip(rows, sets, strict=True))
    assert writer.demonstrations(rows[0], 0) != writer.demonstrations(rows[0], 1)


def test_rows_are_shown_behind_rows_of_their_form() -> None:
    plain = file_of(6)
    system = [
        row(f"s{k}", ("system", "Be brief."), ("user", f"Name {k}."), ("assistant", f"{WORDS[k]}"))
        for k in range(3)
    ]
    several = [
        row(
            f"m{k}",
            ("user", f"Hi {k}."),
            ("assistant", "Hello."),
            ("user", f"And {k}?"),
            ("assistant", WORDS[k]),
        )
        for k in range(3)
    ]
    writer = shown([*plain, *system, *several], FakeModel(lambda _: {}), AuditSettings(shots=2))
    for rows in (plain, system, several):
        assert {shot.id[0] for shot in writer.demonstrations(rows[0], 0)} == {rows[0].id[0]}
    (shot,) = writer.demonstrations(several[0], 0)[:1]
    first = shot.id[1]
    assert writer.context(several[0], 3, [shot]) == (
        f"Hi {first}.\nAnswer: Hello.\n\nAnd {first}?\nAnswer: {WORDS[int(first)]}\n\n"
        "Hi 0.\nAnswer: Hello.\n\nAnd 0?\nAnswer:"
    )
    assert writer.context(system[0], 2, ()) == "Be brief.\n\nName 0.\nAnswer:"


def test_every_learned_turn_is_read_and_no_other() -> None:
    turns = (
        Message(role="user", content="One?"),
        Message(role="assistant", content="red", learned=False),
        Message(role="user", content="Two?"),
        Message(role="assistant", content="Blue"),
        Message(role="user", content="Three?"),
        Message(role="assistant", content="Green"),
    )
    rows = [Conversation(id="r", line=1, messages=turns)]
    settings = AuditSettings(draws=1, shots=0)
    (found,) = first_pass(rows, FakeModel(lambda _: {" Blue": 0.5}), settings).read(rows)
    (read,) = found.draws
    assert [(word.turn, word.start, word.stop) for word in read.words] == [(3, 0, 4), (5, 0, 5)]
    assert math.exp(read.words[0].logprob) == pytest.approx(0.5)
    assert read.words[1].expected == "B" and read.words[1].conflict == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("limit", [60, 250])
def test_what_a_model_has_no_room_for_is_cut_and_counted(limit: int) -> None:
    rows = [*file_of(4), row("long", ("user", "why? " * 10), ("assistant", "because " * 20))]
    model = FakeModel(lambda _: {" b": 0.5}, max_tokens=limit)
    settings = AuditSettings(draws=1, shots=2, longest_answer=50)
    (found,) = first_pass(rows, model, settings).read(rows[-1:])
    asked = len("why? " * 10) + len("\nAnswer:")
    answer = len(" because" * 20) + 1
    assert found.tokens == 50
    assert found.cut == answer - 50 + max(0, asked - (limit - 50))
    assert found.shots == (0 if limit == 60 else 2)
