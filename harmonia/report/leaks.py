"""What test questions the models have been shown, and what was left out for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import TypeAlias

from harmonia.data.leakage import Overlap
from harmonia.report.html_table import Column, Table, build
from harmonia.report.run_files import RunFiles
from harmonia.report.words import count, plain

__all__ = ["leakage_examples", "leakage_table", "left_out"]

_KINDS = (("exact", "Same text"), ("normalised", "Same words"), ("ngram", "A run of words"))
_EXAMPLES = 10
_MOST_CHARACTERS = 240
_MOST_NAMED = 12

_Pools: TypeAlias = tuple[str, str, str, str]


def leakage_table(run: RunFiles) -> Table | None:
    """Overlaps by pair of pools, those within a domain first; None where there is none."""
    if not run.leakage:
        return None
    found: dict[_Pools, Counter[str]] = {}
    for row in run.leakage:
        found.setdefault(_pools(row), Counter())[row.kind] += 1
    columns = [
        Column[_Pools]("left", "Shown", lambda pools: _pool(*pools[:2]), kind="head"),
        Column[_Pools]("right", "Asked or shown", lambda pools: _pool(*pools[2:]), kind="text"),
        *(Column(kind, heading, _count(found, kind)) for kind, heading in _KINDS),
        Column[_Pools]("all", "All", lambda pools: count(found[pools].total())),
    ]
    return build(
        "Questions that stand in two places",
        columns,
        sorted(found, key=lambda pools: (pools[0] != pools[2], *pools)),
        marked=lambda pools: pools[0] == pools[2],
    )


def leakage_examples(run: RunFiles) -> Table | None:
    """The first overlaps, those within a domain first; None where there is none."""
    if not run.leakage:
        return None
    columns = (
        Column[Overlap]("kind", "Kind", lambda row: dict(_KINDS).get(row.kind, row.kind), kind="text"),
        Column[Overlap](
            "left", "Shown", lambda row: f"{_pool(row.left_domain, row.left)}: {row.left_id}", kind="long"
        ),
        Column[Overlap](
            "right",
            "Asked or shown",
            lambda row: f"{_pool(row.right_domain, row.right)}: {row.right_id}",
            kind="long",
        ),
        Column[Overlap]("text", "In common", lambda row: _cut(row.text), kind="prose"),
    )
    ordered = sorted(run.leakage, key=lambda row: row.left_domain != row.right_domain)
    return build("The first of them", columns, ordered[:_EXAMPLES])


def left_out(run: RunFiles) -> list[str]:
    """What was left out of scores and of training because of overlaps, in sentences."""
    if run.leakage is None:
        return []
    if not run.leakage:
        return [
            "No question of a suite stands in a training set or among demonstrations, nor these in those."
        ]
    found = [*_out_of_scores(run), *_out_of_training(run)]
    return found or ["None of these questions was left out of the scores or of the training sets."]


def _out_of_scores(run: RunFiles) -> Iterator[str]:
    for place, ids in sorted(run.claims.excluded.items()) if run.claims else ():
        domain, _, suite = place.rpartition("/")
        named = ", ".join(ids[:_MOST_NAMED]) + (" and others" if len(ids) > _MOST_NAMED else "")
        yield (
            f"{count(len(ids))} of the {plain(suite)} questions of {domain} were left out of all scores: "
            f"{named}."
        )


def _out_of_training(run: RunFiles) -> Iterator[str]:
    for row in run.beliefs:
        kept = run.groups[row.domain].beliefs if row.domain in run.groups else row.n
        if kept < row.n:
            yield (
                f"{count(row.n - kept)} of the {count(row.n)} questions probed in {row.domain} were left "
                "out of its training sets."
            )


def _count(found: dict[_Pools, Counter[str]], kind: str) -> Callable[[_Pools], str]:
    return lambda pools: count(found[pools][kind])


def _pools(row: Overlap) -> _Pools:
    return row.left_domain, row.left, row.right_domain, row.right


def _pool(domain: str, name: str) -> str:
    return f"{domain}, {plain(name)}"


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS].rstrip()} …"
