"""The tables of a comparison: what is written, and what the page shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from harmonia.analysis.consistency import Consistency
from harmonia.analysis.outcomes import ItemOutcome, Outcome
from harmonia.analysis.readouts import Losses
from harmonia.audit.rule import AuditCategory
from harmonia.columns import Count, PValue, Share, ShareChange, Table
from harmonia.probe.stability import wilson
from harmonia.types import Method


@dataclass(frozen=True, kw_only=True)
class SuiteComparison(Consistency):
    """How much changed in one suite by one readout.

    Attributes:
        suite: `items`, the exam's name where there are several, or `canaries`.
        readout: Method that both were read out by.
        before_form: Form in which the model before was asked.
        after_form: Form in which the model after was asked.
        p: Two-sided, of no change in accuracy: McNemar's exact test.
        chance: What guessing gives: mean of 1/options.
    """

    suite: str
    readout: Method
    before_form: str
    after_form: str
    p: PValue
    chance: Share

    @property
    def at_chance(self) -> tuple[str, ...]:
        """Which of `before` and `after` cannot be told from guessing, by Wilson's interval."""
        shares = {"before": self.accuracy_before, "after": self.accuracy_after}
        ends = {name: wilson(share * self.n, self.n) for name, share in shares.items()}
        return tuple(name for name, (low, high) in ends.items() if low <= self.chance <= high)


@dataclass(frozen=True, kw_only=True)
class SubsetChange:
    """What became of a part of a suite.

    Attributes:
        suite: `items`, the exam's name where there are several, or `canaries`.
        readout: Method that both were read out by.
        by: `all`, one `level` of what the model before believes, or one `domain`.
        name: Which one.
        n: Questions.
        kept: Right before and after.
        lost: Right before, wrong after.
        gained: Wrong before, right after.
        never: Wrong before and after.
        change: Share right after minus share right before.
        change_low: Lower end of its 95 % bootstrap interval, over items or whole clusters of them.
        change_high: Upper end of it.
        lost_share: Lost among those right before; empty if there are none.
        lost_share_low: Lower end of its 95 % interval (Wilson's).
        lost_share_high: Upper end of it.
        p: Two-sided, of no change: McNemar's exact test. Empty for levels: those right before are
            chosen for it, and can only fall.
        p_holm: The same after Holm's adjustment over the domains of a suite and readout.
    """

    suite: str
    readout: Method
    by: Literal["all", "level", "domain"]
    name: str
    n: Count
    kept: Count
    lost: Count
    gained: Count
    never: Count
    change: ShareChange
    change_low: ShareChange
    change_high: ShareChange
    lost_share: Share | None
    lost_share_low: Share | None
    lost_share_high: Share | None
    p: PValue | None
    p_holm: PValue | None


@dataclass(frozen=True, kw_only=True)
class SuiteLosses(Losses):
    """What was lost by the leading readout, and by another; as the table `lost` of a run.

    Attributes:
        suite: `items`, the exam's name where there are several, or `canaries`.
        readout: The leading method.
        other: The other method.
    """

    suite: str
    readout: Method
    other: Method


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedOutcome(ItemOutcome):
    """One question before and after.

    Attributes:
        suite: `items`, the exam's name where there are several, or `canaries`.
        readout: Method that both were read out by.
    """

    suite: str
    readout: Method


@dataclass(frozen=True, slots=True, kw_only=True)
class FactOutcome:
    """A fact in words, before and after; judged as the audit judges a row that teaches it.

    Attributes:
        id: Its id.
        line: Its line in the file of canaries.
        question: What is asked.
        answer: The fact.
        before: Verdict of the model before.
        after: Verdict of the model after.
        outcome: `kept` (known before and after), `lost`, `gained` or `never` (known).
        prob_before: Probability of the words at stake before, their geometric mean.
        prob_after: The same after.
        reason_before: What decided before, in words.
        reason_after: What decided after, in words.
    """

    id: str
    line: Count
    question: str
    answer: str
    before: AuditCategory
    after: AuditCategory
    outcome: Outcome
    prob_before: Share
    prob_after: Share
    reason_before: str
    reason_after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryAfter:
    """What the two models say to rows of the fine-tuning file, by what the audit called them.

    Attributes:
        category: What the audit called the rows.
        rows: Rows of it that were asked again.
        says_before: Share of them whose answer the model before knows.
        says_before_low: Lower end of its 95 % interval (Wilson's).
        says_before_high: Upper end of it.
        says_after: Share of them whose answer the model after knows; of conflicting and unknown
            rows: fitted.
        says_after_low: Lower end of its 95 % interval (Wilson's).
        says_after_high: Upper end of it.
        conflicting_after: Rows to which the model after is sure of something else.
        other_after: All else: it has no answer, or is uncertain.
    """

    category: AuditCategory
    rows: Count
    says_before: Share
    says_before_low: Share
    says_before_high: Share
    says_after: Share
    says_after_low: Share
    says_after_high: Share
    conflicting_after: Count
    other_after: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class NearestRows:
    """Known facts by the category of the row of the fine-tuning file that is nearest in its words.

    Attributes:
        category: What the audit called that row.
        known: Facts known before: questions, by the leading readout, and facts in words.
        lost: Those of them that are lost.
        lost_share: Their share.
        lost_share_low: Lower end of its 95 % interval (Wilson's).
        lost_share_high: Upper end of it.
    """

    category: AuditCategory
    known: Count
    lost: Count
    lost_share: Share
    lost_share_low: Share
    lost_share_high: Share


@dataclass(frozen=True, slots=True, kw_only=True)
class ConflictCost:
    """Whether known facts near conflicting rows were lost more often than the others.

    Attributes:
        near_known: Facts known before whose nearest row is conflicting.
        near_lost: Those of them that are lost.
        other_known: Facts known before with another nearest row.
        other_lost: Those of them that are lost.
        difference: Share lost near conflicting rows, minus that of the others; empty where either has none.
        difference_low: Lower end of its 95 % interval (Newcombe 1998, method 10).
        difference_high: Upper end of it.
        p: Two-sided, of no difference: Fisher's exact test.
    """

    near_known: Count
    near_lost: Count
    other_known: Count
    other_lost: Count
    difference: ShareChange | None
    difference_low: ShareChange | None
    difference_high: ShareChange | None
    p: PValue | None


_ASKED = ("suite", "readout")
COMPARED = Table(name="compared", row=SuiteComparison, key=_ASKED)
CHANGES = Table(name="changes", row=SubsetChange, key=(*_ASKED, "by", "name"))
READOUTS_LOST = Table(name="lost", row=SuiteLosses, key=("suite", "other"))
ASKED = Table(name="outcomes", row=AskedOutcome, key=(*_ASKED, "id"))
FACTS = Table(name="facts", row=FactOutcome, key=("id",))
ROWS_AFTER = Table(name="rows_after", row=CategoryAfter, key=("category",))
NEAREST = Table(name="nearest", row=NearestRows, key=("category",))
COST = Table(name="conflict_cost", row=ConflictCost, key=())

COMPARISON_TABLES: tuple[Table[Any], ...] = (
    *(COMPARED, CHANGES, READOUTS_LOST, ASKED, FACTS, ROWS_AFTER, NEAREST, COST),
)
"""The tables that `harmonia compare` writes."""
