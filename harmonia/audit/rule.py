"""The rule: from a row's signals to its category, and in words why.

- `form`: no word of the answer is at stake. All stand in the instruction or are the file's form.
- `conflicting`: sampled answers do not agree with the row, and the model is sure of something else.
  What it says most is not all in the row's answer. Either at least `settled` of its answers say the
  same. Or there is a confident conflict, another word is more probable by at least `conflicting`, and
  its answers do not differ among one another.
- `known`: the words at stake have a probability of at least `known`, or are at least `likely` times as
  probable as the model's own words there, or sampled answers agree.
- `unknown`: neither, and the model has no answer of its own. Its samples differ, or the entropy at
  the words at stake is at least `open` and fewer than `settled` of its answers say the same.
- `uncertain`: all else.

The same rule judges each draw of demonstrations alone; the share of the draws with the category of
their mean is the verdict's confidence. A multiple-choice row is judged by its belief: `known` and
`conflicting` as everywhere (probe/stability.py), `unknown` where the confidence is at most
`guessing`, else `uncertain`.

A verdict is borderline where values that rounding in the model could give change it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Literal

from harmonia.audit.settings import RuleSettings

AuditCategory = Literal["known", "conflicting", "unknown", "form", "uncertain"]
ENTROPY_ROUNDING = 4
"""Times that rounding changes an entropy, in nats, as much as a probability; measured (docs/log.md)."""
CATEGORIES: tuple[AuditCategory, ...] = ("known", "conflicting", "unknown", "form", "uncertain")


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """What a verdict on an open row rests on; of one draw, or the mean of several.

    Attributes:
        stakes: Words at stake.
        trained: Probability of their tokens, the geometric mean.
        gap: By how much more probable another word is, where that is most.
        confident: Whether one of these words is a confident conflict.
        entropy: Entropy at their tokens, in nats, the mean.
        agreement: Share of sampled answers that agree with the row; None without samples.
        steady: Share of sampled answers that say the same; None without samples.
        contained: Whether the row's answer holds all that these say.
        doubtful: Whether rounding in the model could change `confident`.
    """

    stakes: int
    trained: float
    gap: float
    confident: bool
    entropy: float
    agreement: float | None = None
    steady: float | None = None
    contained: bool = False
    doubtful: bool = False

    @property
    def likelihood(self) -> float:
        """Times that these words are as probable as the model's own words there are on average.

        Its own tokens have exp(-entropy), the geometric mean by their own probabilities.
        """
        return self.trained * math.exp(self.entropy)

    @property
    def of_words(self) -> Signals:
        """Those of the first pass, without sampled answers."""
        return replace(self, agreement=None, steady=None, contained=False)

    @property
    def conflict(self) -> float:
        """How little the model would say this, 0 to 1.

        1 less the geometric mean of `trained` and `likelihood`, so that neither a rare word alone nor an
        open question alone makes a conflict. Or the share of its own answers that say the same, if
        that is more and not contained in the row's. Of it the share that agrees with the row is taken off.
        """
        surprise = 1 - min(1.0, math.sqrt(self.trained * self.likelihood))
        other = 0.0 if self.contained else self.steady or 0.0
        return max(surprise, other) * (1 - (self.agreement or 0.0))


def category_of(one: Signals, rule: RuleSettings) -> AuditCategory:
    """The category that signals come to; see above."""
    if not one.stakes:
        return "form"
    agrees = one.agreement is not None and one.agreement >= rule.agreeing
    differs = one.steady is not None and one.steady < rule.steady
    settled = one.steady is not None and one.steady >= rule.settled
    expects = one.confident and one.gap >= rule.conflicting and not differs
    if not agrees and not one.contained and (settled or expects):
        return "conflicting"
    if agrees or one.trained >= rule.known or one.likelihood >= rule.likely:
        return "known"
    if differs or (one.entropy >= rule.open and not settled):
        return "unknown"
    return "uncertain"


def in_doubt(one: Signals, rule: RuleSettings) -> bool:
    """Whether a row is to be asked for the model's own answers."""
    return category_of(one, rule) not in ("form", "known")


def is_borderline(means: Signals, draws: Sequence[Signals], rule: RuleSettings, rounding: float) -> bool:
    """Whether rounding in the model could change a row's category, or which draws give it by themselves.

    The sampled answers are taken as they are. Where rounding decides whether they are asked for, the row
    and its draws are judged with them and without.

    Args:
        means: Of all draws.
        draws: Of each draw.
        rule: Thresholds.
        rounding: Bound on how far a probability differs.
    """
    if not rounding or not means.stakes:
        return False
    ends = [(one, in_doubt(one.of_words, rule)) for one in _within(means, rounding)]
    categories = {category_of(one if asked else one.of_words, rule) for one, asked in ends}
    return len(categories) > 1 or any(
        len(
            {
                category_of(one if asked else one.of_words, rule) in categories
                for one, (_, asked) in product(_within(draw, rounding), ends)
            }
        )
        > 1
        for draw in draws
    )


def _within(one: Signals, rounding: float) -> Iterator[Signals]:
    """The ends of what rounding could make of signals."""
    confident = (one.confident, not one.confident) if one.doubtful else (one.confident,)
    for first, second, third, sure in product((-1, 1), (-1, 1), (-1, 1), confident):
        yield replace(
            one,
            trained=one.trained + first * rounding,
            gap=one.gap + 2 * second * rounding,
            entropy=one.entropy + third * ENTROPY_ROUNDING * rounding,
            confident=sure,
        )
