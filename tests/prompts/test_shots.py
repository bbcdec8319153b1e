from __future__ import annotations

from collections import Counter

import pytest
from models import item

from harmonia.errors import InputError
from harmonia.prompts import PromptSettings, ShotPool

POOL = tuple(item(k, id=f"s{k}", question=f"Shot {k}?") for k in range(8))
ASKED = tuple(item(k, id=f"q{k}", question=f"Asked {k}?") for k in range(40))


def pool(choice: str, seed: int = 0, items=POOL) -> ShotPool:
    return ShotPool.of(items, PromptSettings(shot_choice=choice, shot_seed=seed))


def test_fixed_takes_the_first_of_the_pool_for_every_item():
    assert {pool("fixed").choose(one, 3) for one in ASKED} == {POOL[:3]}


def test_per_item_depends_on_item_and_seed_alone():
    drawn = {one.id: pool("per_item").choose(one, 3) for one in ASKED}
    # Neither the order of the questions nor the order of the pool matters.
    assert {one.id: pool("per_item", items=POOL[::-1]).choose(one, 3) for one in ASKED[::-1]} == drawn
    assert len(set(drawn.values())) > 20
    other = {one.id: pool("per_item", seed=1).choose(one, 3) for one in ASKED}
    assert sum(other[name] != drawn[name] for name in drawn) > 30


def test_per_item_draws_evenly_and_without_repeats():
    drawn = [pool("per_item").choose(one, 4) for one in ASKED]
    assert all(len({shot.id for shot in shots}) == 4 for shots in drawn)
    counts = Counter(shot.id for shots in drawn for shot in shots)
    # 40 draws of 4 in 8: 20 each on average, standard deviation 3.2.
    assert set(counts) == {shot.id for shot in POOL}
    assert max(abs(count - 20) for count in counts.values()) < 13


def test_fewer_shots_are_the_beginning_of_more():
    for one in ASKED[:5]:
        assert pool("per_item").choose(one, 5)[:2] == pool("per_item").choose(one, 2)


@pytest.mark.parametrize("choice", ["fixed", "per_item"])
def test_never_the_item_itself(choice):
    for one in POOL:
        assert one not in pool(choice).choose(one, 8)
        # Nor the same question under another id.
        twin = item(0, id="twin", question=one.question)
        assert len(pool(choice).choose(twin, 8)) == 7


@pytest.mark.parametrize("choice", ["fixed", "per_item"])
def test_a_pool_of_several_domains_gives_the_items_own(choice):
    mixed = tuple(item(k, id=f"m{k}", question=f"M{k}?", domain=("law", "art")[k % 2]) for k in range(10))
    shots = pool(choice, items=mixed).choose(item(domain="art"), 5)
    assert {shot.id for shot in shots} == {"m1", "m3", "m5", "m7", "m9"}
    with pytest.raises(InputError, match="no demonstration fits item q0 of domain 'history'") as caught:
        pool(choice, items=mixed).choose(item(domain="history"), 5)
    assert caught.value.file == "test.jsonl"


def test_a_pool_of_one_domain_serves_all():
    assert pool("fixed").choose(item(domain="history"), 2) == POOL[:2]


@pytest.mark.parametrize("choice", ["fixed", "per_item"])
def test_a_small_pool_gives_all_it_has(choice):
    assert set(pool(choice, items=POOL[:2]).choose(ASKED[0], 5)) == set(POOL[:2])


def test_no_shots_need_no_pool():
    assert pool("fixed", items=()).choose(ASKED[0], 0) == ()
    with pytest.raises(InputError, match="no demonstration fits"):
        pool("fixed", items=()).choose(ASKED[0], 1)


def test_a_fixed_pool_takes_another_set_for_each_draw_the_same_for_all_items():
    sets = [{pool("fixed").choose(one, 3, draw) for one in ASKED} for draw in range(6)]
    assert sets[0] == {POOL[:3]}
    assert all(len(drawn) == 1 for drawn in sets)
    assert len(set.union(*sets)) == 6
    again = {pool("fixed", items=POOL[::-1]).choose(ASKED[0], 3, 4)}
    assert again == sets[4] != {pool("fixed", seed=1).choose(ASKED[0], 3, 4)}


def test_draws_per_item_differ_by_item_and_draw():
    drawn = {(one.id, k): pool("per_item").choose(one, 3, k) for one in ASKED for k in range(3)}
    assert {one.id: drawn[one.id, 0] for one in ASKED} == {
        one.id: pool("per_item").choose(one, 3) for one in ASKED
    }
    assert sum(drawn[one.id, 1] != drawn[one.id, 2] for one in ASKED) > 30
    assert len({drawn[one.id, 1] for one in ASKED}) > 20
