"""What two models said -> what became of it: tables, in words, in a folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from harmonia.analysis import Answers, accuracy_of, consistency_of, mcnemar
from harmonia.analysis.bootstrap import mean_intervals
from harmonia.analysis.consistency import levels
from harmonia.analysis.outcomes import OUTCOMES, outcomes
from harmonia.analysis.readouts import losses_of
from harmonia.analysis.tests import holm
from harmonia.audit import AuditRow
from harmonia.compare.canaries import AskedOfBoth
from harmonia.compare.check import Canary, nearest_rows, rows_after
from harmonia.compare.said import ModelSaid
from harmonia.compare.settings import CompareSettings
from harmonia.compare.tables import (
    ASKED,
    CHANGES,
    COMPARED,
    COST,
    FACTS,
    NEAREST,
    READOUTS_LOST,
    ROWS_AFTER,
    AskedOutcome,
    CategoryAfter,
    ConflictCost,
    FactOutcome,
    NearestRows,
    SubsetChange,
    SuiteComparison,
    SuiteLosses,
)
from harmonia.probe.level import LEVELS
from harmonia.probe.stability import shares
from harmonia.types import Belief, Method


@dataclass(frozen=True, kw_only=True)
class Found:
    """What lies between two models; a table each.

    Attributes:
        before: Identity of the model before.
        after: Identity of the model after.
        compared: By suite and readout: agreement, KL, accuracy, McNemar's test.
        changes: The same counts by level and by domain.
        lost: Readout lost or knowledge lost, of all suites that were read out by several methods.
        outcomes: What became of each question.
        facts: What became of each fact in words.
        rows: Rows of the audit by category, asked again.
        nearest: Known facts by the category of the nearest row.
        cost: Whether those near conflicting rows were lost more often; None without an audit.
        notes: What a person should know, a sentence each.
    """

    before: str
    after: str
    compared: tuple[SuiteComparison, ...]
    changes: tuple[SubsetChange, ...]
    lost: tuple[SuiteLosses, ...]
    outcomes: tuple[AskedOutcome, ...]
    facts: tuple[FactOutcome, ...]
    rows: tuple[CategoryAfter, ...]
    nearest: tuple[NearestRows, ...]
    cost: ConflictCost | None
    notes: tuple[str, ...]

    @property
    def tables(self) -> Iterator[tuple[Any, Sequence[Any]]]:
        """Every table that has rows, with them."""
        every = (
            *((COMPARED, self.compared), (CHANGES, self.changes), (READOUTS_LOST, self.lost)),
            *((ASKED, self.outcomes), (FACTS, self.facts), (ROWS_AFTER, self.rows)),
            *((NEAREST, self.nearest), (COST, (self.cost,) if self.cost else ())),
        )
        return ((table, rows) for table, rows in every if rows)


def found_between(
    before: ModelSaid,
    after: ModelSaid,
    wanted: AskedOfBoth,
    settings: CompareSettings,
    *,
    audited: Sequence[AuditRow] = (),
    seed: int = 0,
) -> Found:
    """Compare what two models said.

    Args:
        before: What the one said.
        after: What the other did, asked the same.
        wanted: What they were asked.
        settings: How.
        audited: All rows of the audit that is to be checked; none if none is.
        seed: Seed of the intervals.
    """
    compared: list[SuiteComparison] = []
    changes: list[SubsetChange] = []
    each: list[AskedOutcome] = []
    for (suite, method), was in before.beliefs.items():
        now = after.beliefs[suite, method]
        one = consistency_of(was, now, seed=seed)
        arrays = Answers.of(was), Answers.of(now)
        *_, p = mcnemar(arrays[0].correct_I, arrays[1].correct_I)
        forms: dict[str, Any] = {"before_form": before.form, "after_form": after.form}
        chance = accuracy_of(arrays[0]).chance
        compared.append(
            SuiteComparison(suite=suite, readout=method, p=p, chance=chance, **forms, **_cells(one))
        )
        changes += _changes(suite, method, *arrays, seed=seed)
        each += [AskedOutcome(suite=suite, readout=method, **_cells(found)) for found in outcomes(was, now)]
    facts = tuple(_facts(wanted, before, after))
    nearest: tuple[NearestRows, ...] = ()
    cost = None
    if audited:
        nearest, cost = nearest_rows(list(_canaries(each, facts, before, settings)), audited)
    said = dict.fromkeys(
        f"{who}: {note}"
        for who, one in (("before", before), ("after", after))
        for note in (*one.notes, *_bounded(one))
    )
    return Found(
        before=before.identity,
        after=after.identity,
        compared=tuple(compared),
        changes=tuple(changes),
        lost=tuple(_losses(before, after, settings)),
        outcomes=tuple(each),
        facts=facts,
        rows=tuple(rows_after(wanted.rows, before.rows, after.rows)),
        nearest=nearest,
        cost=cost,
        notes=(*wanted.notes, *said),
    )


def _bounded(said: ModelSaid) -> Iterator[str]:
    """What is not known of questions of which a server did not tell every letter's probability."""
    for (suite, method), beliefs in said.beliefs.items():
        some = [(one.unlisted_mass, one.letter_mass or 0.0) for one in beliefs if one.unlisted_mass]
        if some:
            most = max(untold / (told + untold) for untold, told in some)
            yield (
                f"{suite}, {method}: letters that the server did not list hold at most {most:.2g} of an "
                f"answer's probability, in {len(some)} of {len(beliefs)} questions. They count as 0 in "
                "agreement and KL; which answer is right does not depend on them"
            )


def _changes(
    suite: str, method: Method, before: Answers, after: Answers, *, seed: int
) -> Iterator[SubsetChange]:
    """The whole, each level, and each domain of several."""
    every_I = np.ones(len(before), dtype=bool)
    level_I = levels(before)
    parts = [("all", "all", every_I), *(("level", name, level_I == name) for name in LEVELS)]
    domains = list(dict.fromkeys(before.domains_I))
    parts += [("domain", name, before.domains_I == name) for name in domains if len(domains) > 1]
    rows = [
        _change((suite, method, by, name), before, after, here_I, seed)
        for by, name, here_I in parts
        if here_I.any()
    ]
    adjusted = iter(holm([row.p for row in rows if row.by == "domain" and row.p is not None]))
    for row in rows:
        yield replace(row, p_holm=next(adjusted) if row.by == "domain" else row.p)


def _change(named: Any, before: Answers, after: Answers, here_I: Any, seed: int) -> SubsetChange:
    suite, method, by, name = named
    was_I, now_I = before.correct_I[here_I], after.correct_I[here_I]
    (low,), (high,) = mean_intervals(
        (now_I.astype(float) - was_I)[:, None],
        items_I=before.items_I[here_I],
        clusters_I=before.clusters_I[here_I],
        seed=seed,
    )
    lost, right = int((was_I & ~now_I).sum()), int(was_I.sum())
    return SubsetChange(
        suite=suite,
        readout=method,
        by=by,
        name=name,
        n=len(was_I),
        kept=right - lost,
        lost=lost,
        gained=int((~was_I & now_I).sum()),
        never=int((~was_I & ~now_I).sum()),
        change=float(now_I.mean() - was_I.mean()),
        change_low=float(low),
        change_high=float(high),
        **shares("lost_share", lost, right),
        p=None if by == "level" else mcnemar(was_I, now_I)[-1],
        p_holm=None,
    )


def _losses(before: ModelSaid, after: ModelSaid, settings: CompareSettings) -> Iterator[SuiteLosses]:
    lead, *others = settings.readouts
    for suite in dict.fromkeys(suite for suite, _ in before.beliefs):
        for other in others:
            was, now = (
                (Answers.of(said.beliefs[suite, lead]), Answers.of(said.beliefs[suite, other]))
                for said in (before, after)
            )
            yield SuiteLosses(suite=suite, readout=lead, other=other, **_cells(losses_of(was, now)))


def _facts(wanted: AskedOfBoth, before: ModelSaid, after: ModelSaid) -> Iterator[FactOutcome]:
    for row in wanted.facts:
        was, now = before.facts[row.id], after.facts[row.id]
        yield FactOutcome(
            id=row.id,
            line=row.line,
            question=row.messages[0].content,
            answer=row.messages[-1].content,
            before=was.category,
            after=now.category,
            outcome=OUTCOMES[was.category == "known", now.category == "known"],
            prob_before=was.trained,
            prob_after=now.trained,
            reason_before=was.reason,
            reason_after=now.reason,
        )


def _canaries(
    each: Sequence[AskedOutcome], facts: Sequence[FactOutcome], before: ModelSaid, settings: CompareSettings
) -> Iterator[Canary]:
    """Facts that the model before knows, of all suites, by the leading readout."""
    lead = settings.readouts[0]
    items = {
        (suite, belief.item.id): belief
        for (suite, method), beliefs in before.beliefs.items()
        if method == lead
        for belief in beliefs
    }
    for one in each:
        if one.readout == lead and one.level == "known":
            yield one.id, _text(items[one.suite, one.id]), one.outcome == "lost"
    for fact in facts:
        if fact.before == "known":
            yield fact.id, f"{fact.question}\n{fact.answer}", fact.outcome == "lost"


def _text(belief: Belief) -> str:
    return f"{belief.item.question}\n{belief.item.choices[belief.item.answer]}"


def _cells(row: Any) -> dict[str, Any]:
    return {one.name: getattr(row, one.name) for one in fields(row)}
