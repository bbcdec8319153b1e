"""What test questions the models have been shown, and what was left out for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import TypeAlias

from harmonia.analysis.tables import BELIEFS, LEAKAGE
from harmonia.data.leakage import Overlap
from harmonia.numbers import count
from harmonia.report.html_table import PageColumn, PageTable, build
from harmonia.report.run_files import RunFiles
from harmonia.report.words import beginning, plain

_KINDS = {
    "exact": "Same text",
    "normalised": "Same words",
    "prefix": "Beginning",
    "near": "But for slips",
    "other_gold": "Other answer",
    "ngram": "A run of words",
}
_EXAMPLES = 10
_MOST_CHARACTERS = 240
_MOST_NAMED = 12

_Counted: TypeAlias = tuple[tuple[str, str, str, str], Counter[str]]


def leakage_table(run: RunFiles) -> PageTable:
    """Overlaps by pair of pools, those within a domain first."""
    found: dict[tuple[str, str, str, str], Counter[str]] = {}
    for row in run.rows(LEAKAGE):
        pools = row.left_domain, row.left, row.right_domain, row.right
        found.setdefault(pools, Counter())[row.kind] += 1
    columns: list[PageColumn[_Counted]] = [
        PageColumn("left", "Shown", lambda pair: _pool(*pair[0][:2]), kind="head"),
        PageColumn("right", "Asked or shown", lambda pair: _pool(*pair[0][2:]), kind="text"),
        *(PageColumn(kind, title, partial(_times, kind=kind)) for kind, title in _KINDS.items()),
        PageColumn("all", "All", lambda pair: count(pair[1].total())),
    ]
    ordered = sorted(found.items(), key=lambda pair: (pair[0][0] != pair[0][2], *pair[0]))
    caption = "Questions that stand in two places"
    return build(caption, columns, ordered, marked=lambda pair: pair[0][0] == pair[0][2])


def leakage_examples(run: RunFiles) -> PageTable:
    """The first overlaps, those within a domain first."""
    columns: tuple[PageColumn[Overlap], ...] = (
        PageColumn("kind", "Kind", lambda row: _KINDS.get(row.kind, row.kind), kind="text"),
        PageColumn("left", "Shown", lambda row: _pool(row.left_domain, row.left, row.left_id), kind="long"),
        PageColumn(
            "right",
            "Asked or shown",
            lambda row: _pool(row.right_domain, row.right, row.right_id),
            kind="long",
        ),
        PageColumn("text", "In common", lambda row: beginning(row.text, _MOST_CHARACTERS), kind="prose"),
    )
    ordered = sorted(run.rows(LEAKAGE), key=lambda row: row.left_domain != row.right_domain)
    return build("The first of them", columns, ordered[:_EXAMPLES])


def left_out(run: RunFiles) -> list[str]:
    """What was left out of scores and of training because of overlaps, in sentences."""
    if LEAKAGE.name not in run.tables:
        return []
    if not run.rows(LEAKAGE):
        return ["No test question was found in a training set or among the demonstrations."]
    found = [*_out_of_scores(run), *_out_of_training(run)]
    return found or ["None of these questions was left out of the scores or of the training sets."]


def _out_of_scores(run: RunFiles) -> Iterator[str]:
    for place, ids in sorted(run.claims.excluded.items()) if run.claims else ():
        domain, _, suite = place.rpartition("/")
        named = ", ".join(ids[:_MOST_NAMED]) + (" and others" if len(ids) > _MOST_NAMED else "")
        which = f"{count(len(ids))} of the {plain(suite)} questions of {domain}"
        yield f"{which} were left out of all scores: {named}."


def _out_of_training(run: RunFiles) -> Iterator[str]:
    for row in run.rows(BELIEFS):
        # Every seed's groups are drawn from the same beliefs.
        kept = next((found.beliefs for found in run.drawn(row.domain)), row.n)
        if kept < row.n:
            which = f"{count(row.n - kept)} of the {count(row.n)} questions probed in {row.domain}"
            yield f"{which} were left out of its training sets."


def _times(pair: _Counted, kind: str) -> str:
    return count(pair[1][kind])


def _pool(domain: str, name: str, item: str | None = None) -> str:
    return f"{domain}, {plain(name)}{'' if item is None else f': {item}'}"
