"""Cutting a step into passes: nothing lost, little padding, the same work for every process."""

from __future__ import annotations

import random
from itertools import combinations

import pytest
import torch

from harmonia.training import Encoded
from harmonia.training.batches import PASS_COST, micro_batches, step_tokens, tensors
from harmonia.training.encode import IGNORED


def row(name: str, length: int, learned: int = 2, weight: float = 1.0) -> Encoded:
    ids = tuple(range(1, length + 1))
    labels = (IGNORED,) * (length - learned) + ids[length - learned :]
    return Encoded(id=name, input_ids=ids, labels=labels, weight=weight)


def rows(count: int, seed: int = 0) -> list[Encoded]:
    draws = random.Random(seed)
    return [row(f"r{k}", draws.randint(5, 400)) for k in range(count)]


def cost(batches: list[list[Encoded]]) -> int:
    return sum(len(batch) * max(len(one.input_ids) for one in batch) + PASS_COST["cpu"] for batch in batches)


@pytest.mark.parametrize("processes", [1, 2, 3, 8])
@pytest.mark.parametrize("count", [1, 2, 7, 64])
def test_every_row_goes_through_once_and_all_processes_work_alike(processes, count):
    step = rows(count)
    shares = micro_batches(step, 1000, processes)
    assert len(shares) == processes
    seen = [one.id for share in shares for batch in share for one in batch if one.weight]
    assert sorted(seen) == sorted(one.id for one in step)
    # As many passes of as many rows everywhere, or processes that share weights would wait for ever.
    assert len({tuple(len(batch) for batch in share) for share in shares}) == 1
    for share in shares:
        for batch in share:
            longest = max(len(one.input_ids) for one in batch)
            assert len(batch) == 1 or len(batch) * longest <= 1000


def test_no_other_cut_of_the_sorted_rows_costs_less():
    """Against all cuts, tried one by one."""
    for seed in range(5):
        step = sorted(rows(9, seed), key=lambda one: len(one.input_ids))
        (found,) = micro_batches(step, 900)
        best = min(
            cost([step[a:b] for a, b in zip((0, *cuts), (*cuts, 9), strict=True)])
            for size in range(9)
            for cuts in combinations(range(1, 9), size)
            if all(
                b - a == 1 or (b - a) * len(step[b - 1].input_ids) <= 900
                for a, b in zip((0, *cuts), (*cuts, 9), strict=True)
            )
        )
        assert cost(found) == best


def test_little_is_padding():
    step = rows(256)
    (batches,) = micro_batches(step, 4096)
    tokens = sum(len(one.input_ids) for one in step)
    padded = sum(len(batch) * max(len(one.input_ids) for one in batch) for batch in batches)
    assert padded < 1.05 * tokens


def test_where_passes_cost_much_there_are_few():
    step = rows(256)
    few, many = (micro_batches(step, 4096, pass_cost=PASS_COST[kind])[0] for kind in ("cuda", "cpu"))
    assert len(few) < len(many)
    assert sum(map(len, few)) == sum(map(len, many)) == 256


def test_rows_without_weight_are_left_out():
    step = [row("a", 9), row("b", 30, weight=0.0), row("c", 20, weight=0.5, learned=4)]
    (batches,) = micro_batches(step, 1000)
    assert [[one.id for one in batch] for batch in batches] == [["a", "c"]]
    assert step_tokens(step) == 1.0 * 2 + 0.5 * 4
    (batches,) = micro_batches([step[1]], 1000)
    assert [[one.id for one in batch] for batch in batches] == [["b"]]


def test_tensors_hold_what_the_rows_hold():
    batch = tensors([row("a", 3, learned=1), row("b", 5, learned=3, weight=0.5)])
    assert torch.equal(batch["input_ids"], torch.tensor([[1, 2, 3, 0, 0], [1, 2, 3, 4, 5]]))
    none = IGNORED
    assert torch.equal(batch["labels"], torch.tensor([[none, none, 3, none, none], [none, none, 3, 4, 5]]))
    assert batch["weights"].tolist() == [1.0, 0.5, 0.5, 0.5]
