"""Requests -> blocks: what requests have in common is written down, and computed, once.

Requests are grouped by the prefix of token ids that they share (the demonstrations, the
system prompt), which is computed by itself. What follows it is laid out as a trie of
tokens: the options of one question share the question. The sharing is of token ids, so
the seam between what is shared and what is not holds by construction.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from harmonia.models.values import Read, reads_of
from harmonia.prompts.encode import Request, common_length

# What a separate prefix must save, in tokens, to be worth passes of its own.
_WORTH = 256


@dataclass(slots=True, kw_only=True)
class Block:
    """Rows of tokens behind a prefix, as a trie in depth-first order.

    A token's ancestors are the tokens before it whose subtree it is in: token j stands
    above token i, or is it, where `j <= i < ends[j]`.

    Attributes:
        ids: The tokens.
        depths: Their distance from the end of the prefix.
        ends: Index behind the last token of each one's subtree.
        reads: What to read.
    """

    ids: list[int] = field(default_factory=list)
    depths: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    reads: list[Read] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Requests, by index, that are scored behind one prefix."""

    prefix: tuple[int, ...]
    members: tuple[int, ...]


def group_requests(requests: Sequence[Request]) -> list[Group]:
    """Group requests by prefixes that are worth computing by themselves.

    A set of requests gets its own prefix where that saves tokens over staying with the
    shorter prefix of a larger set. The last token of a context always stays outside the
    prefix, because something is read after it.

    Returns:
        Groups that hold each request once; members in the order of their tokens.
    """
    order = sorted(range(len(requests)), key=lambda index: requests[index].context)
    stays: dict[tuple[int, ...], list[int]] = {(): []}  # places in that order, by prefix
    # (requests from start to stop in that order, the prefix of the group they are in)
    todo: list[tuple[int, int, tuple[int, ...]]] = [(0, len(order), ())] if order else []
    while todo:
        start, stop, prefix = todo.pop()
        first, last = requests[order[start]].context, requests[order[stop - 1]].context
        # In sorted order, what the first and the last share is shared by all between.
        shared = common_length((first, last))
        usable = min(shared, len(first) - 1)
        if (stop - start) * (usable - len(prefix)) - usable >= _WORTH:
            prefix = first[:usable]
            stays[prefix] = []
        parts = _parts([requests[index].context for index in order[start:stop]], shared, start)
        for begin, end in parts:
            # One request cannot share, and a set whose members are all alike has no parts.
            if end - begin == 1 or len(parts) == 1:
                stays[prefix] += range(begin, end)
            else:
                todo.append((begin, end, prefix))
    return [
        Group(prefix=prefix, members=tuple(order[place] for place in sorted(places)))
        for prefix, places in stays.items()
        if places
    ]


def blocks_of(requests: Sequence[Request], members: Sequence[int], skip: int, least: int) -> Iterator[Block]:
    """Lay out requests as blocks of at least `least` tokens each, but for the last.

    Rows that share tokens share them within a block. A request is never cut. Those that
    share half of their tokens are kept together while the block is of moderate size.

    They come in the order of their tokens; `skip` is the length of their prefix.
    """
    block = Block()
    path: list[int] = []  # tokens, in the block, of the row written last
    row: tuple[int, ...] = ()
    for index in members:
        alike = (
            2 * common_length((row, requests[index].context[skip:])) >= len(requests[index].context) - skip
        )
        if len(block.ids) >= (4 * least if alike else least):
            yield _closed(block, path)
            block, path, row = Block(), [], ()
        last = len(requests[index].context) - 1 - skip
        for ids, options in _rows(requests[index], skip):
            shared = common_length((row, ids))
            for place in path[shared:]:
                block.ends[place] = len(block.ids)
            path = path[:shared] + list(range(len(block.ids), len(block.ids) + len(ids) - shared))
            block.ids += ids[shared:]
            block.depths += range(shared, len(ids))
            block.ends += [0] * (len(ids) - shared)
            for option in options:
                block.reads += reads_of(requests[index], index, option, path[last:])
            row = ids
    if block.ids:
        yield _closed(block, path)


def next_pass(blocks: Sequence[Block], most: int, most_reads: int) -> list[Block]:
    """The first blocks that one pass may hold; at least one.

    Blocks are split into passes of about equal size.
    """
    tokens = sum(len(block.ids) for block in blocks)
    even = -(-tokens // -(-tokens // most))
    batch: list[Block] = []
    size = reads = 0
    for block in blocks:
        size += len(block.ids)
        reads += len({read.at for read in block.reads})
        if batch and (size > most or reads > most_reads):
            break
        batch.append(block)
        if size >= even:
            break
    return batch


def chain(ids: Sequence[int]) -> Block:
    """A block of one row in which nothing is read."""
    return Block(ids=list(ids), depths=list(range(len(ids))), ends=[len(ids)] * len(ids))


def _rows(request: Request, skip: int) -> list[tuple[tuple[int, ...], list[int]]]:
    """Rows of a request behind its prefix, in token order, with the options to read in each."""
    rows: dict[tuple[int, ...], list[int]] = {}
    for option, ids in enumerate(request.continuations):
        rows.setdefault(request.context[skip:] + ids[:-1], []).append(option)
    return sorted(rows.items())


def _closed(block: Block, path: Sequence[int]) -> Block:
    for place in path:
        block.ends[place] = len(block.ids)
    return block


def _parts(contexts: Sequence[tuple[int, ...]], depth: int, start: int) -> list[tuple[int, int]]:
    """Runs of sorted contexts that have the same token at `depth`, as (start, stop) offset by `start`."""
    parts = []
    for _, run in groupby(contexts, key=lambda context: context[depth : depth + 1]):
        parts.append((start, start := start + len(list(run))))
    return parts
