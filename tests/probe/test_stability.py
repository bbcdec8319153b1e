"""Several draws of demonstrations: agreement, its interval, and the categories."""

from __future__ import annotations

import json
import sys

import pytest
from models import item
from scipy.stats import binomtest

from harmonia.journal import Chunks
from harmonia.probe import ProbeSettings, ask, read_beliefs, write_beliefs
from harmonia.probe.stability import stability_of, wilson
from harmonia.prompts import Form, PromptSettings, ShotPool, build_template

POOL = ShotPool(items=tuple(item(k, id=f"s{k}", question=f"Shot {k}?") for k in range(9)))
ITEMS = tuple(item(k) for k in range(10))
FORM = Form(chat=False, shots=2)


@pytest.mark.parametrize("count", [1, 2, 5, 10, 37])
def test_the_interval_is_wilsons(count):
    for hits in range(count + 1):
        expected = binomtest(hits, count).proportion_ci(method="wilson")
        assert wilson(hits, count) == pytest.approx((expected.low, expected.high), abs=1e-12)


# preds of five draws, the belief's pred, the right answer, confidence -> agreement, right rate, category
CASES = {
    "right and steady": ((1, 1, 1, 1, 0), 1, 1, 0.3, 0.8, 0.8, "known"),
    "right, not steady": ((1, 1, 1, 0, 0), 1, 1, 0.9, 0.6, 0.6, "uncertain"),
    "wrong, steady, confident": ((2, 2, 2, 2, 2), 2, 1, 0.6, 1.0, 0.0, "conflicting"),
    "wrong, steady, as confident as the threshold": ((2, 2, 2, 2, 2), 2, 1, 0.5, 1.0, 0.0, "uncertain"),
    "wrong, confident, not steady": ((2, 2, 2, 1, 1), 2, 1, 0.6, 0.6, 0.4, "uncertain"),
    "a mean that no draw predicts": ((0, 2, 0, 2, 2), 1, 2, 0.4, 0.0, 0.6, "uncertain"),
}


@pytest.mark.parametrize("name", CASES)
def test_categories_by_hand(name):
    preds, pred, answer, confidence, agreement, right_rate, category = CASES[name]
    found = stability_of(preds, pred=pred, answer=answer, confidence=confidence, settings=ProbeSettings())
    assert (found.agreement, found.right_rate, found.category) == (agreement, right_rate, category)
    assert found.agreement_low <= agreement <= found.agreement_high


def test_thresholds_are_settings():
    asked = {"pred": 2, "answer": 1, "confidence": 0.6}
    for settings, category in (
        (ProbeSettings(steady=0.6), "conflicting"),
        (ProbeSettings(steady=0.6, confident=0.7), "uncertain"),
        (ProbeSettings(steady=0.61), "uncertain"),
    ):
        assert stability_of((2, 2, 2, 1, 1), settings=settings, **asked).category == category


@pytest.fixture
def asking(tiny_loaded):
    loaded = tiny_loaded("llama")
    template = build_template(PromptSettings(), loaded.tokenizer)

    def run(draws, *, form=FORM, pool=POOL, journal=None, progress=None):
        settings = ProbeSettings(draws=draws, keep_prompts=True)
        return ask(
            loaded, ITEMS, form, template, pool=pool, settings=settings, chunks=Chunks(journal, progress)
        ).beliefs

    return run


def test_a_belief_is_the_mean_of_its_draws(asking, tmp_path, tiny_loaded):
    draws = 4
    loaded = tiny_loaded("llama")
    template = build_template(PromptSettings(), loaded.tokenizer)
    # Each draw asked alone, from a pool that holds that draw's demonstrations only.
    sets = [POOL.choose(ITEMS[0], 2, draw) for draw in range(draws)]
    assert len(set(sets)) == draws
    alone = [ask(loaded, ITEMS, FORM, template, pool=ShotPool(items=chosen)).beliefs for chosen in sets]
    together = asking(draws)
    for place, belief in enumerate(together):
        parts = [one[place] for one in alone]
        expected = [sum(column) / draws for column in zip(*(part.probs for part in parts), strict=True)]
        assert belief.probs == pytest.approx(expected, abs=1e-5)
        assert belief.pred == expected.index(max(expected))
        assert belief.draws == draws
        assert belief.agreement == sum(part.pred == belief.pred for part in parts) / draws
        assert belief.right_rate == sum(part.correct for part in parts) / draws
        assert belief.category in {"known", "conflicting", "uncertain"}
        assert belief.prompt == template.prompt(belief.item, FORM, sets[0]).context
    assert len({belief.agreement for belief in together}) > 1
    write_beliefs(tmp_path / "b.parquet", together, {})
    assert read_beliefs(tmp_path / "b.parquet") == together


def test_one_draw_says_nothing_of_stability(asking):
    for belief in asking(1):
        assert (belief.draws, belief.agreement, belief.right_rate, belief.category) == (1, None, None, None)


def test_the_first_draw_is_the_only_one_without_demonstrations(asking):
    once = asking(1, form=Form(chat=True, shots=0), pool=None)
    assert asking(3, form=Form(chat=True, shots=0), pool=None) == once
    assert {belief.draws for belief in once} == {1}


def test_an_interrupted_draw_is_taken_up(asking, monkeypatch, tmp_path):
    monkeypatch.setattr(sys.modules["harmonia.probe.ask"], "CHUNK", 4)
    undisturbed = asking(3)
    journal = tmp_path / "journal.jsonl"
    seen = []

    class Killed(BaseException):
        pass

    def kill(done, total):
        seen.append((done, total))
        if done > 14:
            raise Killed

    with pytest.raises(Killed):
        asking(3, journal=journal, progress=kill)
    assert seen == [(4, 30), (8, 30), (10, 30), (14, 30), (18, 30)]
    noted = [json.loads(line) for line in journal.read_text().splitlines()]
    assert [(entry["draw"], entry["start"]) for entry in noted] == [(0, 0), (0, 4), (0, 8), (1, 0), (1, 4)]
    assert asking(3, journal=journal) == undisturbed
