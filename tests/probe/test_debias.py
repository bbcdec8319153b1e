"""A taste for letters: the formulas by hand, and a model that is made to prefer one letter."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest
import torch
from models import item

from harmonia.analysis.letter_bias import letter_bias
from harmonia.models import ModelSettings, load_model
from harmonia.models.fake import FakeModel
from harmonia.probe import ProbeSettings, ask
from harmonia.probe.debias import divide_out, letter_prior, letter_priors, mean_over_orders, prior_sample
from harmonia.probe.orders import cyclic_orders
from harmonia.probe.views import View
from harmonia.prompts import Form, PromptSettings, ShotPool, build_template
from harmonia.world import base_folder, base_world, demonstrations, split_items


def view(order, probs) -> View:
    return View(order=order, probs=tuple(probs), letter_mass=1.0, shots=0, prompt=None)


def tasted(belief, taste) -> tuple[View, ...]:
    """A model that answers ~ taste(letter) * belief(option), in all cyclic orders."""
    views = []
    for order in cyclic_orders(tuple(range(len(belief)))):
        weights = [t * belief[option] for t, option in zip(taste, order, strict=True)]
        views.append(view(order, [weight / sum(weights) for weight in weights]))
    return tuple(views)


def test_the_mean_over_orders_by_hand():
    # Two options: at A the first has .9, at B it has .4; the second has .1 at B, .6 at A.
    views = (view((0, 1), (0.9, 0.1)), view((1, 0), (0.6, 0.4)))
    assert mean_over_orders(views) == pytest.approx((0.65, 0.35))


def test_the_prior_by_hand():
    # Mean logs: ln sqrt(.9 * .6) and ln sqrt(.1 * .4): 0.7348 : 0.2.
    one = (view((0, 1), (0.9, 0.1)), view((1, 0), (0.6, 0.4)))
    share = math.sqrt(0.54) / (math.sqrt(0.54) + math.sqrt(0.04))
    assert letter_prior([one], 0).probs == pytest.approx((share, 1 - share))
    # Over items it is the mean of their priors; the second item has none: .5.
    two = (view((0, 1), (0.7, 0.3)), view((1, 0), (0.3, 0.7)))
    prior = letter_prior([one, two], 3)
    assert prior.probs == pytest.approx(((share + 0.5) / 2, (1.5 - share) / 2))
    assert (prior.items, prior.draw) == (2, 3)


def test_a_taste_that_the_model_has_is_found_and_divided_out():
    generator = np.random.default_rng(0)
    taste = (0.7, 0.2, 0.06, 0.04)
    believed = generator.dirichlet(np.ones(4), size=6)
    seen = [tasted(belief, taste) for belief in believed]
    # Each item's mean log is the log taste but for a constant of its own: softmax gives the taste.
    prior = letter_prior(seen, 0)
    assert prior.probs == pytest.approx(taste, abs=1e-12)
    for belief, views in zip(believed, seen, strict=True):
        for one in views:
            assert divide_out(one, prior) == pytest.approx(belief, abs=1e-12)


def test_a_letter_without_any_probability_has_a_prior_all_the_same():
    views = (view((0, 1), (1.0, 0.0)), view((1, 0), (1.0, 0.0)))
    prior = letter_prior([views], 0)
    assert prior.probs[0] == pytest.approx(1.0) and prior.probs[1] > 0
    assert divide_out(views[0], prior) == pytest.approx((0.5, 0.5))


def test_the_sample_is_a_share_of_each_number_of_options():
    items = [item(k, options=4 if k % 10 else 5) for k in range(1000)]
    settings = ProbeSettings(prior_share=0.05, prior_fewest=20)
    sample = prior_sample(items, settings)
    counts = {n: sum(one.id in sample and len(one.choices) == n for one in items) for n in (4, 5)}
    assert counts == {4: 45, 5: 20}
    assert prior_sample(items[::-1], settings) == sample
    assert prior_sample(items, ProbeSettings(seed=1)) != sample
    assert prior_sample(items[:7], settings) == {one.id for one in items[:7]}
    seen = [
        tasted([1 / len(one.choices)] * len(one.choices), range(1, len(one.choices) + 1)) for one in items
    ]
    found = letter_priors(items, seen, sample, 0)
    assert {count: prior.items for count, prior in found.items()} == counts
    assert found[4].probs == pytest.approx((0.1, 0.2, 0.3, 0.4))


# A model by script whose taste for letters and beliefs in options are known.

TASTE = (0.7, 0.15, 0.1, 0.05)
BELIEVED = {"iron": 0.4, "zinc": 0.3, "tin": 0.2, "lead": 0.1}


def weights(options) -> list[float]:
    return [taste * BELIEVED[option] for taste, option in zip(TASTE, options, strict=True)]


def by_taste(text: str) -> dict[str, float]:
    """Answers ~ taste(letter) * belief(option), and something else altogether half of the time."""
    shown = weights([line[3:] for line in text.splitlines()[-5:-1]])
    return {f" {letter}": 0.5 * w / sum(shown) for letter, w in zip("ABCD", shown, strict=True)}


def test_what_is_believed_behind_a_taste_is_found_by_script():
    metals = tuple(BELIEVED)
    items = [item(k, choices=metals[k % 4 :] + metals[: k % 4], answer=0) for k in range(12)]
    settings, model = ProbeSettings(prior_fewest=4), FakeModel(by_taste)
    sample = prior_sample(items, settings)
    assert len(sample) == 4

    def asked(method):
        template = build_template(PromptSettings(method=method), model.tokenizer)
        return ask(model, items, Form(chat=False, shots=0), template, settings=settings)

    for one, belief in zip(items, asked("letter").beliefs, strict=True):
        shown = weights(one.choices)
        assert belief.probs == pytest.approx([w / sum(shown) for w in shown])
        assert belief.letter_mass == pytest.approx(0.5)
    for one, belief in zip(items, asked("letter_cyclic").beliefs, strict=True):
        shares = dict.fromkeys(metals, 0.0)
        for k in range(4):
            turned = one.choices[k:] + one.choices[:k]
            for option, weight in zip(turned, weights(turned), strict=True):
                shares[option] += weight / sum(weights(turned)) / 4
        assert belief.probs == pytest.approx([shares[option] for option in one.choices])
    pride = asked("letter_pride")
    assert pride.priors[0].probs == pytest.approx(TASTE)
    for one, belief in zip(items, pride.beliefs, strict=True):
        if one.id not in sample:
            assert belief.probs == pytest.approx([BELIEVED[option] for option in one.choices])


# A base model of the lab that knows its facts, and is made to prefer the letter A.

BIAS = 8.0
ICL = Form(chat=False, shots=5)


@pytest.fixture(scope="module")
def lab():
    world = base_world(base_folder(0))
    known = [one.item for one in split_items(world, "person", "homogeneous") if one.kind == "known"]
    pool = ShotPool(items=tuple(one.item for one in demonstrations(world, "person")))
    return load_model(ModelSettings(path=str(base_folder(0)), device="cpu")), known, pool


def with_taste(loaded, letter: str, logit: float):
    place = torch.zeros(len(loaded.tokenizer))
    place[loaded.tokenizer(f"Answer: {letter}")["input_ids"][-1]] = logit
    return loaded.model.lm_head.register_forward_hook(lambda module, args, output: output + place)


@pytest.mark.slow
def test_a_taste_for_one_letter_fools_letter_alone(lab):
    loaded, known, pool = lab
    right, bias = {}, {}
    hook = with_taste(loaded, "A", BIAS)
    try:
        for method in ("letter", "letter_cyclic", "letter_pride"):
            template = build_template(PromptSettings(method=method, options_first=True), loaded.tokenizer)
            asked = ask(loaded, known, ICL, template, pool=pool)
            right[method] = sum(belief.correct for belief in asked.beliefs) / len(known)
            bias[method] = letter_bias(asked.beliefs)
    finally:
        hook.remove()
    assert len(known) > 70
    # The base answers about .98 of its known facts; chance is .25.
    assert right["letter"] < 0.5
    assert right["letter_cyclic"] > 0.9 and right["letter_pride"] > 0.9
    assert bias["letter"].answered[0] > 0.8 and bias["letter"].rstd > 0.3
    assert max(bias["letter_cyclic"].rstd, bias["letter_pride"].rstd) < 0.1
    # All three tell of the taste, whatever they made of it.
    assert min(one.prior[0] for one in bias.values()) > 0.7
    (prior,) = asked.priors
    assert prior.items == 20 and prior.probs[0] > 0.9
    assert asked.about["letter_priors"][0]["probs"] == prior.probs


# Nothing but the sample binds one item's belief to another's.


@pytest.mark.parametrize("method", ["letter_cyclic", "letter_pride"])
def test_chunks_change_nothing(tiny_loaded, monkeypatch, method):
    loaded = tiny_loaded("llama")
    items = tuple(item(k, options=2 + k % 3) for k in range(12))
    template = build_template(PromptSettings(method=method), loaded.tokenizer)
    pool = ShotPool(items=tuple(item(k, id=f"s{k}", question=f"Shot {k}?") for k in range(6)))
    settings = ProbeSettings(prior_fewest=2, draws=2)
    one = Form(chat=False, shots=1)

    def run(asked):
        return ask(loaded, asked, one, template, pool=pool, settings=settings)

    whole = run(items)
    monkeypatch.setattr(sys.modules["harmonia.probe.ask"], "CHUNK", 5)
    for other in (run(items), run(items[::-1])):
        found = {belief.item.id: belief for belief in other.beliefs}
        for belief in whole.beliefs:
            assert found[belief.item.id].probs == pytest.approx(belief.probs, abs=1e-5)
        assert [p.items for p in other.priors] == [p.items for p in whole.priors]
    # A part alone differs at most by its prior.
    if method == "letter_cyclic":
        for belief, full in zip(run(items[:3]).beliefs, whole.beliefs, strict=False):
            assert belief.probs == pytest.approx(full.probs, abs=1e-5)
    assert [prior.draw for prior in whole.priors] == ([0, 0, 0, 1, 1, 1] if method == "letter_pride" else [])


def test_no_prior_is_measured_on_options_that_speak_of_others(tiny_loaded):
    loaded = tiny_loaded("llama")
    three = [item(k, id=f"t{k}", choices=("iron", "zinc", "both of the above"), answer=0) for k in range(2)]
    four = [item(9, id="f", choices=("iron", "zinc", "tin", "all of the above"), answer=0)]
    items = (*(item(k) for k in range(6)), *four, *three)
    settings = ProbeSettings(prior_fewest=3)
    assert prior_sample(items, settings) <= {one.id for one in items[:6]}

    def run(method):
        template = build_template(PromptSettings(method=method), loaded.tokenizer)
        return ask(loaded, items, Form(chat=False, shots=0), template, settings=settings)

    asked, plain = run("letter_pride"), {belief.item.id: belief.probs for belief in run("letter").beliefs}
    (prior,) = asked.priors
    assert len(prior.probs) == 4 and prior.items == 3
    found = {belief.item.id: belief.probs for belief in asked.beliefs}
    # The prior of the others is divided out of the one of four options; nobody else has three.
    divided = [p / q for p, q in zip(plain["f"], prior.probs, strict=True)]
    assert found["f"] == pytest.approx([p / sum(divided) for p in divided])
    assert all(found[one.id] == pytest.approx(plain[one.id]) for one in three)
    assert (asked.fixed, asked.undivided) == (3, 2)
    told = [note for note in asked.notes if note not in asked.slower]
    assert [note.partition(": ")[2].split()[0] for note in told] == ["3", "2"]
