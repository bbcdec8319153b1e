"""What is shared is laid out once: groups, tries and passes, against cases worked by hand."""

from __future__ import annotations

import random

from harmonia.models.trie import blocks_of, group_requests, next_pass
from harmonia.prompts import Request


def request(*context: int, answers: tuple[tuple[int, ...], ...] = ((1,), (2,))) -> Request:
    return Request(context=context, continuations=answers)


def run(start: int, count: int) -> tuple[int, ...]:
    return tuple(range(start, start + count))


def test_a_question_is_written_once_for_its_options():
    # Context 7 8 | 9; options 3 4 5, 3 4 6, 3: rows 9 3 4, 9 3 4 and 9.
    asked = request(7, 8, 9, answers=((3, 4, 5), (3, 4, 6), (3,)))
    (block,) = blocks_of([asked], [0], 2, 64)
    assert (block.ids, block.depths, block.ends) == ([9, 3, 4], [0, 1, 2], [3, 3, 3])
    assert sorted((read.at, read.token, read.option) for read in block.reads) == [
        (0, 3, 0),
        (0, 3, 1),
        (0, 3, 2),
        (1, 4, 0),
        (1, 4, 1),
        (2, 5, 0),
        (2, 6, 1),
    ]


def test_branches_do_not_stand_above_one_another():
    rows = [request(5, 6, 7), request(5, 6, 8, 9), request(5, 4)]
    order = sorted(range(3), key=lambda index: rows[index].context)
    (block,) = blocks_of(rows, order, 0, 64)
    assert block.ids == [5, 4, 6, 7, 8, 9]
    assert block.depths == [0, 1, 1, 2, 2, 3]
    above = {block.ids[i]: [block.ids[j] for j in range(6) if j <= i < block.ends[j]] for i in range(6)}
    assert above == {5: [5], 4: [5, 4], 6: [5, 6], 7: [5, 6, 7], 8: [5, 6, 8], 9: [5, 6, 8, 9]}


def test_each_set_has_the_longest_prefix_that_pays():
    intro, law, art = run(0, 20), run(100, 200), run(400, 200)
    requests = [request(*intro, *law, k, 7) for k in range(30)]
    requests += [request(*intro, *art, k, 7) for k in range(30)]
    requests += [request(*intro, 900 + k) for k in range(30)]  # demonstrations of their own
    requests += [request(5000 + k) for k in range(2)]
    shuffled = random.Random(0).sample(requests, len(requests))
    groups = {group.prefix: {shuffled[k] for k in group.members} for group in group_requests(shuffled)}
    assert groups == {
        intro + law: set(requests[:30]),
        intro + art: set(requests[30:60]),
        intro: set(requests[60:90]),
        (): set(requests[90:]),
    }


def test_a_prefix_leaves_a_token_to_read_after():
    context = run(0, 300)
    requests = [request(*context), request(*context, 7), request(*context)]
    (group,) = group_requests(requests)
    assert group.prefix == context[:-1]
    assert sorted(group.members) == [0, 1, 2]


def test_a_prefix_that_saves_little_is_not_made():
    requests = [request(*run(0, 10), 50 + k) for k in range(3)]
    assert [group.prefix for group in group_requests(requests)] == [()]
    assert group_requests([]) == []


def test_passes_are_even_and_keep_within_their_limits():
    requests = [request(*run(10 * k, 10)) for k in range(21)]
    blocks = list(blocks_of(requests, range(21), 0, 1))
    assert [len(block.ids) for block in blocks] == [10] * 21

    def sizes(most: int, most_reads: int) -> list[int]:
        waiting, found = blocks, []
        while waiting:
            batch = next_pass(waiting, most, most_reads)
            found.append(len(batch))
            waiting = waiting[len(batch) :]
        return found

    assert sizes(1000, 1000) == [21]
    assert sizes(200, 1000) == [11, 10]  # not 20 and 1
    assert sizes(1000, 5) == [5, 5, 5, 5, 1]
    assert sizes(3, 1) == [1] * 21  # a request is never cut
