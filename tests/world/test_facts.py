"""Facts depend on their address alone; the kinds come in the shares asked for."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from dataclasses import replace

import pytest

from harmonia.errors import InputError
from harmonia.world import DOMAINS, KINDS, RELATIONS, World, WorldSettings

SETTINGS = WorldSettings()


def test_a_larger_world_keeps_the_facts_of_a_smaller_one():
    small = World(3, replace(SETTINGS, entities=90))
    large = {fact.id: fact for fact in World(3, SETTINGS).facts}
    assert len(small.facts) == len(DOMAINS) * 90 * 6
    assert all(large[fact.id] == fact for fact in small.facts)


def test_a_fact_is_drawn_alone_as_in_the_whole():
    world = World(1, SETTINGS)
    for fact in world.facts[::371]:
        assert World(1, SETTINGS).fact(fact.domain, fact.entity_index, fact.entity, fact.relation) == fact


def test_seeds_differ():
    assert {fact.id for fact in World(0, SETTINGS).facts} != {fact.id for fact in World(1, SETTINGS).facts}


def test_shares_of_kinds():
    world = World(0, SETTINGS)
    counts = Counter(fact.kind for fact in world.facts)
    for kind in KINDS:
        assert counts[kind] / len(world.facts) == pytest.approx(SETTINGS.share(kind), abs=0.02)


def test_values_come_from_shared_pools_and_beliefs_follow_the_kind():
    world = World(0, SETTINGS)
    for fact in world.facts:
        pool = world.pools[RELATIONS[fact.domain].index(fact.relation)]
        assert fact.gold in pool and fact.wrong in pool and fact.gold != fact.wrong
        expected = {"known": fact.gold, "misconception": fact.wrong}.get(fact.kind)
        assert fact.belief == expected
    names = {fact.entity for fact in world.facts}
    assert len(names) == len(DOMAINS) * SETTINGS.entities
    assert names.isdisjoint(value for pool in world.pools for value in pool)


@pytest.mark.parametrize("wrong", [{"known": 0.9}, {"entities": 60}, {"values": 3}, {"lettered_entities": 2}])
def test_bad_settings_are_refused(wrong):
    with pytest.raises(InputError):
        WorldSettings(**wrong)


def test_importing_the_world_loads_no_torch():
    code = "import sys, harmonia.world; sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
