"""Whether the rows that an audit called conflicting are the ones that cost knowledge.

Two things are looked at. Rows of each category are asked again, of both models: which answers are
fitted now. And each known fact is put beside the row of the fine-tuning file that shares most of
its words (cosine of tf-idf): near conflicting rows, is more lost?

This is an association in one training. What harms all facts alike shows in no category, and what
a row does to facts in other words is not seen. What the rows cost is told only by a second
training without them.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from harmonia.audit import AuditRow
from harmonia.audit.content import keys_of
from harmonia.audit.rule import CATEGORIES, AuditCategory
from harmonia.compare.tables import CategoryAfter, ConflictCost, NearestRows
from harmonia.probe.stability import shares

Canary = tuple[str, str, bool]
"""Id, text and whether it was lost, of a fact known before."""


def rows_after(
    rows: Sequence[AuditRow], before: Mapping[str, AuditRow], after: Mapping[str, AuditRow]
) -> Iterator[CategoryAfter]:
    """What both models say to rows, by their category in the audit."""
    for category in CATEGORIES:
        names = [row.id for row in rows if row.category == category]
        if not names:
            continue
        was, now = (Counter(one[name].category for name in names) for one in (before, after))
        yield CategoryAfter(
            category=category,
            rows=len(names),
            **shares("says_before", was["known"], len(names)),
            **shares("says_after", now["known"], len(names)),
            conflicting_after=now["conflicting"],
            other_after=len(names) - now["known"] - now["conflicting"],
        )


def nearest_rows(
    canaries: Sequence[Canary], rows: Sequence[AuditRow]
) -> tuple[tuple[NearestRows, ...], ConflictCost]:
    """Losses of known facts by the category of the nearest row; those that share no word are left out."""
    found = list(zip(canaries, _nearest(canaries, rows), strict=True))
    tables = []
    for category in CATEGORIES:
        if gone := [gone for (_, _, gone), near in found if near == category]:
            lost, known = sum(gone), len(gone)
            share = shares("lost_share", lost, known)
            tables.append(NearestRows(category=category, known=known, lost=lost, **share))
    near = [gone for (_, _, gone), category in found if category == "conflicting"]
    other = [gone for (_, _, gone), category in found if category not in (None, "conflicting")]
    return tuple(tables), _cost(near, other)


def _cost(near: Sequence[bool], other: Sequence[bool]) -> ConflictCost:
    a, n, b, m = sum(near), len(near), sum(other), len(other)
    value = low = high = p = None
    if n and m:
        from scipy.stats import fisher_exact
        from statsmodels.stats.proportion import confint_proportions_2indep

        value, p = a / n - b / m, float(fisher_exact([[a, n - a], [b, m - b]]).pvalue)
        low, high = map(float, confint_proportions_2indep(a, n, b, m, method="newcomb"))
    return ConflictCost(
        near_known=n,
        near_lost=a,
        other_known=m,
        other_lost=b,
        difference=value,
        difference_low=low,
        difference_high=high,
        p=None if p is None else min(p, 1.0),
    )


def _nearest(canaries: Sequence[Canary], rows: Sequence[AuditRow]) -> Iterator[AuditCategory | None]:
    """Category of the nearest row, never the canary's own; the earliest of several; None if none is near."""
    from scipy.sparse import csr_array

    texts = [Counter(keys_of(f"{row.instruction}\n{row.answer}")) for row in rows]
    held = Counter(word for words in texts for word in words)
    place = {word: k for k, word in enumerate(held)}
    weight = {word: math.log(len(rows) / count) for word, count in held.items()}
    cells = [(k, place[word], n * weight[word]) for k, words in enumerate(texts) for word, n in words.items()]
    row_N, column_N, value_N = (np.array(one) for one in zip(*cells, strict=True)) if cells else ([], [], [])
    rows_R_W = csr_array((value_N, (row_N, column_N)), shape=(len(rows), max(1, len(place))))
    norm_R = np.sqrt(np.asarray(rows_R_W.multiply(rows_R_W).sum(axis=1))).ravel()
    own = {row.id: k for k, row in enumerate(rows)}
    for name, text, _ in canaries:
        words_W = np.zeros(max(1, len(place)))
        for word, n in Counter(keys_of(text)).items():
            if word in place:
                words_W[place[word]] = n * weight[word]
        near_R = np.divide(rows_R_W @ words_W, norm_R, out=np.zeros(len(rows)), where=norm_R > 0)
        if name in own:
            near_R[own[name]] = 0
        yield rows[int(near_R.argmax())].category if near_R.max(initial=0) > 0 else None
