"""Orders of options: what is asked differs, what is believed does not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from models import item

from harmonia.probe import ProbeSettings, ask
from harmonia.probe.orders import by_option, cyclic_orders, given_order, random_order, reordered
from harmonia.prompts import Form, PromptSettings, ShotPool, build_template

FORM = Form(chat=False, shots=1)
POOL = ShotPool(items=(item(0, id="s", question="Shot?"),))
ITEMS = tuple(item(k, options=(4, 3, 5, 2)[k % 4]) for k in range(8))


def test_an_order_moves_options_and_the_answer_with_them():
    asked = replace(item(), choices=("a", "b", "c"), answer=0)
    moved = reordered(asked, (2, 0, 1))
    assert (moved.choices, moved.choices[moved.answer], moved.id) == (("c", "a", "b"), "a", asked.id)
    # c has .5, a has .3, b has .2.
    assert by_option((2, 0, 1), (0.5, 0.3, 0.2)) == (0.3, 0.2, 0.5)


def test_each_option_stands_at_each_place_once():
    assert cyclic_orders((0, 1, 2)) == ((0, 1, 2), (1, 2, 0), (2, 0, 1))
    orders = cyclic_orders(random_order(item(options=5), 3))
    assert all(sorted(column) == list(range(5)) for column in (*orders, *zip(*orders, strict=True)))


def test_a_random_order_is_of_the_texts_not_of_their_order():
    asked = item(options=5)
    shown = reordered(asked, random_order(asked, 0)).choices
    assert shown != asked.choices
    for order in cyclic_orders((4, 2, 0, 1, 3)):
        other = reordered(asked, order)
        assert reordered(other, random_order(other, 0)).choices == shown
    drawn = {reordered(one, random_order(one, seed)).choices for one in (asked,) for seed in range(40)}
    assert len(drawn) > 30
    firsts = [random_order(item(k, options=4), 0)[0] for k in range(200)]
    # 50 each on average, standard deviation 6.1.
    assert all(abs(firsts.count(place) - 50) < 25 for place in range(4))


def beliefs(loaded, items, method, **settings):
    template = build_template(PromptSettings(method=method), loaded.tokenizer)
    return ask(loaded, items, FORM, template, pool=POOL, settings=ProbeSettings(**settings)).beliefs


def spread(one, other) -> float:
    return max(abs(p - q) for p, q in zip(one, other, strict=True))


# What moves an item's options, and under which method and order nothing may come of it.
ANY = {count: tuple(reversed(range(count))) for count in (2, 3, 4, 5)}
ROTATED = {count: cyclic_orders(tuple(range(count)))[1] for count in (2, 3, 4, 5)}


@pytest.mark.parametrize(
    ("method", "option_order", "moves"),
    [("letter_cyclic", "given", ROTATED), ("letter_cyclic", "random", ANY), ("letter", "random", ANY)],
)
def test_beliefs_do_not_depend_on_the_order_of_the_options(tiny_loaded, method, option_order, moves):
    loaded = tiny_loaded("llama")
    orders = [moves[len(one.choices)] for one in ITEMS]
    moved = tuple(reordered(one, order) for one, order in zip(ITEMS, orders, strict=True))
    plain = beliefs(loaded, ITEMS, method, option_order=option_order)
    again = beliefs(loaded, moved, method, option_order=option_order)
    for one, other, order in zip(plain, again, orders, strict=True):
        assert by_option(order, other.probs) == pytest.approx(one.probs, abs=1e-6)
        assert order[other.pred] == one.pred
        assert other.letter_mass == pytest.approx(one.letter_mass, abs=1e-6)
    # The same move does change what the plain letter method believes.
    pairs = zip(beliefs(loaded, ITEMS, "letter"), beliefs(loaded, moved, "letter"), orders, strict=True)
    assert max(spread(one.probs, by_option(order, other.probs)) for one, other, order in pairs) > 0.05


def test_cyclic_beliefs_are_the_mean_over_plain_ones(tiny_loaded):
    loaded = tiny_loaded("llama")
    for one, belief in zip(ITEMS, beliefs(loaded, ITEMS, "letter_cyclic"), strict=True):
        orders = cyclic_orders(given_order(one))
        asked = [beliefs(loaded, (reordered(one, order),), "letter")[0] for order in orders]
        for option in range(len(one.choices)):
            shown = [b.probs[order.index(option)] for b, order in zip(asked, orders, strict=True)]
            assert belief.probs[option] == pytest.approx(sum(shown) / len(shown), abs=1e-6)
        for place in range(len(one.choices)):
            shown = [b.probs[place] for b in asked]
            assert belief.asked_probs[place] == pytest.approx(sum(shown) / len(shown), abs=1e-6)
        mass = sum(b.letter_mass for b in asked) / len(asked)
        assert belief.letter_mass == pytest.approx(mass, abs=1e-6)
        assert belief.method == "letter_cyclic"


# Two of four options speak of the others: no other order is right.
TELLING = ("iron", "zinc", "both A and B", "none of the above")
SPEAKING = tuple(item(k, choices=TELLING, answer=2, id=f"o{k}") for k in range(3))
WAYS = [("letter", "random"), ("letter_cyclic", "given"), ("letter_cyclic", "random")]


@pytest.mark.parametrize(("method", "option_order"), WAYS)
def test_options_that_speak_of_others_are_asked_in_their_own_order(tiny_loaded, method, option_order):
    loaded = tiny_loaded("llama")
    template = build_template(PromptSettings(method=method), loaded.tokenizer)
    settings = ProbeSettings(option_order=option_order, keep_prompts=True)
    asked = ask(loaded, (*ITEMS, *SPEAKING), FORM, template, pool=POOL, settings=settings)
    plain = beliefs(loaded, (*ITEMS, *SPEAKING), "letter")
    for one, other in zip(asked.beliefs[len(ITEMS) :], plain[len(ITEMS) :], strict=True):
        assert "A. iron\nB. zinc\nC. both A and B\nD. none of the above\nAnswer:" in one.prompt
        assert one.probs == pytest.approx(other.probs, abs=1e-6)
    assert spread(asked.beliefs[0].probs, plain[0].probs) > 1e-3, "the others are asked in other orders"
    assert asked.about["in_own_order"] == 3 and "own order only: 3 of 11" in asked.notes[0]
    assert "other options" in asked.notes[0]


@pytest.mark.parametrize("method", ["letter", "cloze"])
def test_where_nothing_is_moved_nothing_is_said(tiny_loaded, method):
    loaded = tiny_loaded("llama")
    template = build_template(PromptSettings(method=method), loaded.tokenizer)
    asked = ask(loaded, SPEAKING, FORM, template, pool=POOL)
    assert asked.notes == list(asked.slower) and asked.about["in_own_order"] == 0
