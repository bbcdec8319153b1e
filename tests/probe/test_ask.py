"""Asking in chunks: what an interruption leaves is taken up, and changes nothing."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from models import item

from harmonia.errors import HarmoniaError, InputError
from harmonia.journal import Chunks
from harmonia.models.fake import FakeModel
from harmonia.models.protocols import ROUNDING
from harmonia.probe import ProbeSettings, ask, ask_chunks, chunks_of
from harmonia.prompts import Form, PromptSettings, ShotPool, build_template

ITEMS = tuple(item(k, options=2 + k % 4) for k in range(11))
SHOTS = ShotPool(items=(item(0, id="s", question="Shot?"),))
FORM = Form(chat=False, shots=1)
SETTINGS = ProbeSettings(keep_prompts=True, batch_tokens=300)


@pytest.fixture
def module(monkeypatch):
    import sys

    module = sys.modules["harmonia.probe.ask"]
    monkeypatch.setattr(module, "CHUNK", 4)
    return module


class Killed(BaseException):
    pass


class Cut:
    """A scorer that is cut off after some calls and notes how many prompts it saw."""

    def __init__(self, model, calls_left: int) -> None:
        self.model, self.calls_left, self.scored = model, calls_left, 0

    def __getattr__(self, name):
        return getattr(self.model, name)

    def loglikelihoods(self, requests, **options):
        if not self.calls_left:
            raise Killed
        self.calls_left -= 1
        self.scored += len(requests)
        return self.model.loglikelihoods(requests, **options)


@pytest.fixture(params=["letter", "cloze"])
def asking(request, tiny_loaded):
    loaded = tiny_loaded("llama")
    template = build_template(PromptSettings(method=request.param), loaded.tokenizer)

    def run(calls=99, journal=None, progress=None):
        model = Cut(loaded, calls)
        return ask(
            model, ITEMS, FORM, template, pool=SHOTS, settings=SETTINGS, chunks=Chunks(journal, progress)
        ), model.scored

    return run


@pytest.mark.parametrize("finished", [0, 1, 2])
@pytest.mark.parametrize("cut", [None, 1, 40], ids=["whole line", "cut at once", "cut"])
def test_an_interrupted_pass_goes_on_where_it_stopped(module, asking, tmp_path, finished, cut):
    undisturbed, _ = asking()
    journal = tmp_path / "made" / "journal.jsonl"
    with pytest.raises(Killed):
        asking(finished, journal=journal)
    noted = journal.read_text().splitlines() if journal.exists() else []
    assert len(noted) == finished
    if cut and journal.exists():
        # The machine went down in the middle of the next note.
        with journal.open("a") as handle:
            handle.write(noted[0][:cut])
    seen: list[tuple[int, int]] = []
    resumed, scored = asking(journal=journal, progress=lambda done, total: seen.append((done, total)))
    assert resumed == undisturbed
    assert scored == len(ITEMS) - 4 * finished
    assert seen == [(4, 11), (8, 11), (11, 11)]
    # The journal is whole now: a third pass scores nothing, and agrees.
    assert [json.loads(line)["start"] for line in journal.read_text().splitlines()] == [0, 4, 8]
    assert asking(0, journal=journal) == (undisturbed, 0)


def test_chunks_and_batches_do_not_change_a_belief(module, monkeypatch, asking):
    small, _ = asking()
    monkeypatch.setattr(module, "CHUNK", 256)
    for one, other in zip(small.beliefs, asking()[0].beliefs, strict=True):
        assert one.probs == pytest.approx(other.probs, abs=1e-6)
        assert (one.item, one.prompt, one.shots) == (other.item, other.prompt, other.shots)


@pytest.mark.parametrize("method", ["letter", "cloze", "letter_pride"])
def test_chunks_that_others_asked_are_taken_up(module, tiny_loaded, tmp_path, method):
    loaded = tiny_loaded("llama")
    template = build_template(PromptSettings(method=method), loaded.tokenizer)
    settings = SETTINGS.model_copy(update={"draws": 2})
    how = {"settings": settings, "pool": SHOTS}
    places = chunks_of(ITEMS, FORM, settings)
    assert places == [(0, 0), (0, 4), (0, 8), (1, 0), (1, 4), (1, 8)]
    notes = [tmp_path / "one.jsonl", tmp_path / "two.jsonl"]
    for mine, path in zip((places[1:4], places[4:]), notes, strict=True):
        ask_chunks(loaded, ITEMS, FORM, template, **how, fitted=None, chunks=Chunks(path, only=mine))
    model = Cut(loaded, 1)  # for the chunk that nobody asked
    asked = ask(model, ITEMS, FORM, template, **how, chunks=Chunks(others=notes))
    assert asked == ask(loaded, ITEMS, FORM, template, **how)
    assert model.calls_left == 0


def test_an_item_without_a_number_is_named_among_those_that_it_spoils():
    class Spoiled(FakeModel):
        def loglikelihoods(self, requests, **options):
            found = super().loglikelihoods(requests, **options)
            if not any("Question 6" in self.tokenizer.decode(one.context) for one in requests):
                return found
            return [tuple(replace(one, sum=math.nan) for one in options) for options in found]

    model = Spoiled(lambda text: {" A": 0.3, " B": 0.1})
    template = build_template(PromptSettings(), model.tokenizer)
    items = [item(k, question=f"Question {k}?") for k in range(8)]
    with pytest.raises(HarmoniaError, match="for item q6 are not a number"):
        ask(model, items, Form(chat=True, shots=0), template)


def test_demonstrations_are_needed_where_the_form_has_some(tiny_loaded):
    loaded = tiny_loaded("llama")
    template = build_template(PromptSettings(), loaded.tokenizer)
    with pytest.raises(InputError, match="form icl1 needs demonstrations") as caught:
        ask(loaded, ITEMS, FORM, template)
    assert caught.value.field == "shots"


def test_each_item_gets_the_demonstrations_of_its_pool(tiny_loaded):
    loaded = tiny_loaded("llama")
    template = build_template(PromptSettings(), loaded.tokenizer)
    asked = ask(
        loaded, ITEMS[:1] + SHOTS.items, FORM, template, pool=ShotPool(items=ITEMS), settings=SETTINGS
    )
    assert [belief.prompt for belief in asked.beliefs] == [
        template.prompt(ITEMS[0], FORM, (ITEMS[1],)).context,
        template.prompt(SHOTS.items[0], FORM, (ITEMS[0],)).context,
    ]


def test_the_tuned_form_has_no_demonstrations(tiny_loaded):
    loaded = tiny_loaded("llama")
    template = build_template(PromptSettings(), loaded.tokenizer)
    (belief,) = ask(loaded, ITEMS[:1], Form(chat=True, shots=0), template, settings=SETTINGS).beliefs
    assert belief.prompt == template.prompt(ITEMS[0], Form(chat=True, shots=0)).context
    assert (belief.form, belief.shots) == ("chat0", 0)


def test_items_whose_options_are_all_equally_likely_are_told():
    even = FakeModel(lambda text: {" A": 0.3, " B": 0.3} if "Question 1" in text else {" A": 0.3, " B": 0.1})
    template = build_template(PromptSettings(), even.tokenizer)
    items = [item(k, options=2, question=f"Question {k}?") for k in range(3)]
    asked = ask(even, items, Form(chat=False, shots=0), template)
    assert [belief.confidence for belief in asked.beliefs] == pytest.approx([0.75, 0.5, 0.75])
    assert asked.notes == ["items whose options are all equally likely, answered by the first: 1 of 3"]


def _ways(items) -> Iterator[tuple[int, int | None, list[tuple]]]:
    """Threads, tokens of a batch, and shards: other company for each item."""
    yield 1, None, [items[::-1]]
    yield 2, None, [items]
    yield 1, 300, [items]
    yield 1, 4096, [items[:5], items[5:]]


@pytest.mark.slow
@pytest.mark.parametrize("method", ["letter", "cloze"])
def test_an_answer_in_other_company_differs_by_rounding_and_a_category_only_where_that_is_told(
    method, tiny_loaded, single_thread
):
    loaded = tiny_loaded("llama")
    template = build_template(PromptSettings(method=method), loaded.tokenizer)
    items = tuple(item(k, options=2 + k % 4) for k in range(12))
    # The level is decided where many of these beliefs lie.
    middle = 0.35

    def asked(some, batch_tokens=None):
        settings = ProbeSettings(batch_tokens=batch_tokens, draws=2, confident=middle)
        pool = ShotPool(items=tuple(item(k, id=f"s{k}", question=f"Shot {k}?") for k in range(6)))
        return ask(loaded, some, FORM, template, pool=pool, settings=settings)

    first = asked(items)
    assert asked(items) == first
    told = 0
    for threads, batch_tokens, shards in _ways(items):
        torch.set_num_threads(threads)
        found = {one.item.id: one for shard in shards for one in asked(shard, batch_tokens).beliefs}
        for one in first.beliefs:
            other = found[one.item.id]
            assert other.probs == pytest.approx(one.probs, abs=ROUNDING["float32"])
            if one.borderline or other.borderline:
                told += 1
            else:
                assert (other.pred, other.category, other.agreement) == (
                    one.pred,
                    one.category,
                    one.agreement,
                )
    assert told < len(items), "what is told of most beliefs says nothing"
