"""What stands beside the bootstrap: base models as a sample of such models, and a model of single answers.

`meta`: the difference of two groups in each base model, and its mean over base models of which
those at hand are a sample. Between them it varies by tau, found by Paule and Mandel's method. The
error of the mean is Knapp's and Hartung's, never below that of the weights (Roever et al. 2015).
Items that base models have in common move all of them alike. Their mean covariance c is taken from
each base model's variance and added to that of the mean.

`logistic`: each answer in chat form, right or wrong, by group and level (`logistic.py`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

from harmonia.analysis.bootstrap import LEVEL, PairedUnit, paired_bootstrap
from harmonia.analysis.consistency import levels
from harmonia.analysis.differences import planned_pairs
from harmonia.analysis.logistic import fit_logistic
from harmonia.analysis.run_answers import CHAT, RunAnswers, units_of
from harmonia.columns import Count, Share
from harmonia.groups.names import GroupName
from harmonia.hashing import sample
from harmonia.probe.level import LEVELS
from harmonia.types import Method

if TYPE_CHECKING:
    import pandas as pd

MIN_BASES = 3
"""Fewest base models that are a sample of base models."""

MOST_ANSWERS = 20_000
"""Answers that a logistic model is fitted to; of more, items are sampled by address."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class MixedModelRow:
    """What a mixed model says of two groups on one suite; the interval stands beside the bootstrap's.

    Attributes:
        model: `meta` takes base models for a sample of base models; `logistic` is a regression of
            single answers with crossed random intercepts.
        suite: What was asked.
        form: In which form.
        readout: By which method.
        left: The one group.
        right: The group that it is compared with.
        term: Of `meta` the `difference` of the shares right. Of `logistic` the odds ratio of
            a right answer, left against right, at a level of the base model's beliefs (`known`).
            Or how many times that at `known` another level's is (`conflicting / known`).
        estimate: The mean difference, or the ratio; empty where `because` says why there is none.
        low: Lower end of its 95 % interval, by Student's t.
        high: Upper end.
        p: Two-sided, of a difference of 0 or a ratio of 1.
        freedom: Degrees of freedom of that t.
        bases: Base models.
        models: Tuned models.
        items: Different items.
        answers: Answers that were used.
        left_out: Answers that were there and were not used: the items are a sample.
        between_bases: Standard deviation between base models: of the difference for `meta`, of what
            a base model makes of a group, in log odds, for `logistic`; empty for fewer than three.
        between_models: Standard deviation of the tuned models' intercepts, in log odds.
        between_items: That of the items' intercepts.
        because: Why there is no estimate, or why it should not be trusted.
    """

    model: Literal["meta", "logistic"]
    suite: str
    form: str
    readout: str
    left: str
    right: str
    term: str
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    p: Share | None = None
    freedom: float | None = None
    bases: Count
    models: Count
    items: Count
    answers: Count
    left_out: Count = 0
    between_bases: float | None = None
    between_models: float | None = None
    between_items: float | None = None
    because: str | None = None


def mixed_models(runs: Sequence[RunAnswers]) -> list[MixedModelRow]:
    """Fit both models to every planned comparison in chat form, but for the mixtures of the sweep."""
    groups = list(dict.fromkeys(group for run in runs for group in run.groups))
    compared = defaultdict(list)
    for left, right in planned_pairs(groups):
        if GroupName.parse(left).share_aligned in (None, 0, 1):
            compared[right].append(left)
    asked = dict.fromkeys((p.suite, p.readout) for run in runs for p in run.answers if p.form == CHAT)
    found = []
    for suite, readout in asked:
        for right, lefts in compared.items():
            found += [_meta(runs, left, right, suite, readout) for left in lefts]
            found += _logistic(runs, lefts, right, suite, readout)
    return sorted(found, key=lambda row: row.model, reverse=True)


def _meta(runs: Sequence[RunAnswers], left: str, right: str, suite: str, readout: Method) -> MixedModelRow:
    from statsmodels.stats.meta_analysis import combine_effects

    of_base: dict[str, list[PairedUnit]] = defaultdict(list)
    for run in runs:
        of_base[run.model] += units_of([run], left, right, suite=suite, readout=readout)
    parts = [units for units in of_base.values() if units]
    units = [unit for part in parts for unit in part]
    named: dict[str, Any] = {"suite": suite, "form": CHAT, "readout": readout, "left": left, "right": right}
    row = MixedModelRow(
        **named,
        model="meta",
        term="difference",
        bases=len(parts),
        models=2 * sum(len(unit.left_S_I) for unit in units),
        items=len(set().union(*(unit.items_I.tolist() for unit in units))),
        answers=2 * sum(unit.left_S_I.size for unit in units),
    )
    if len(parts) < MIN_BASES:
        return replace(row, because=f"a sample of base models takes {MIN_BASES} of them")
    # Of these only the variance is taken.
    found = [paired_bootstrap(part, address=suite, resamples=100) for part in parts]
    variances = np.array([one.variance for one in found])
    if not variances.all():
        return replace(
            row, because="in a base model all answers differ alike, so that nothing tells its error"
        )
    # Items that base models share move all of them: this is no part of their spread.
    together = paired_bootstrap(units, address=suite, resamples=100).item_variance * len(parts)
    alone = sum(one.item_variance for one in found) / len(parts)
    shared = max((together - alone) / (len(parts) - 1), 0.0)
    own = np.maximum(variances - shared, variances / 10)
    effects = np.array([one.value for one in found])
    combined = combine_effects(effects, own, method_re="iterated", use_t=True)
    error = float(np.hypot(max(combined.sd_eff_w_re_hksj, combined.sd_eff_w_re), np.sqrt(shared)))
    return replace(
        row,
        **_tested(float(combined.mean_effect_re), error, len(parts) - 1),
        between_bases=float(np.sqrt(max(combined.tau2, 0.0))),
    )


def _tested(value: float, error: float, freedom: int) -> dict[str, Any]:
    reach = error * float(t.ppf((1 + LEVEL) / 2, freedom))
    p = float(2 * t.sf(abs(value) / error, freedom))
    return {"estimate": value, "low": value - reach, "high": value + reach, "p": p, "freedom": freedom}


def _logistic(
    runs: Sequence[RunAnswers], lefts: Sequence[str], right: str, suite: str, readout: Method
) -> Iterator[MixedModelRow]:
    everything = _answers(runs, [right, *lefts], suite, readout)
    asked = _sampled(everything)
    about: dict[str, Any] = {
        **{"model": "logistic", "suite": suite, "form": CHAT, "readout": readout, "right": right},
        **{"bases": asked.base.nunique(), "models": asked.model.nunique(), "items": asked.item.nunique()},
        **{"answers": len(asked), "left_out": len(everything) - len(asked)},
    }
    groups = asked.group.unique().tolist()
    freedom = about["models"] - len(groups) - asked.unit.nunique() + 1
    if because := _hindrance(groups, right, freedom):
        yield from (MixedModelRow(**about, left=left, term="known", because=because) for left in lefts)
        return
    cells, design_N_P = _design(asked, right)
    factors = [asked.item, asked.model]
    if about["bases"] >= MIN_BASES:
        factors.append(asked.base + "/" + asked.group)
    fit = fit_logistic(asked.right.to_numpy(float), design_N_P, [one.factorize()[0] for one in factors])
    names = ("between_items", "between_models", "between_bases")
    about |= dict(zip(names, fit.deviations_F.tolist(), strict=False))
    about["because"] = None if fit.converged else "the search for the deviations ended at no maximum"
    for left in lefts:
        for term, contrast_P in _contrasts(cells, left, design_N_P.shape[1]):
            error = float(np.sqrt(contrast_P @ fit.covariance_P_P @ contrast_P))
            found = _tested(float(contrast_P @ fit.effects_P), error, freedom)
            found |= {name: float(np.exp(found[name])) for name in ("estimate", "low", "high")}
            yield MixedModelRow(**about, **found, left=left, term=term)


def _answers(runs: Sequence[RunAnswers], groups: Sequence[str], suite: str, readout: Method) -> pd.DataFrame:
    """All answers of models tuned on some groups, where the base model's beliefs on the suite are there."""
    import pandas as pd

    columns = ("right", "level", "item", "group", "base", "unit", "model")
    parts = [pd.DataFrame({name: [] for name in columns})]
    for run in runs:
        for domain in run.domains:
            base = run.base(domain, run.probe_form, suite)
            if base is None:
                continue
            level_I = levels(base)
            for group in groups:
                for seed, found in run.tuned(domain, group, CHAT, suite, readout).items():
                    unit = f"{run.model}/{domain}"
                    values = (found.correct_I, level_I, found.items_I, group, run.model, unit)
                    named = dict(zip(columns, (*values, f"{unit}/{group}/{seed}"), strict=True))
                    parts.append(pd.DataFrame(named))
    return pd.concat(parts[1:] or parts, ignore_index=True)


def _sampled(asked: pd.DataFrame) -> pd.DataFrame:
    """The answers to as many items, sampled by address, as give about `MOST_ANSWERS`."""
    if len(asked) <= MOST_ANSWERS:
        return asked
    items = sorted(asked.item.unique().tolist())
    size = max(1, len(items) * MOST_ANSWERS // len(asked))
    return asked[
        asked.item.isin(sample(0, "analysis/mixed_models", items, [str(one) for one in items], size))
    ]


def _hindrance(groups: Sequence[str], right: str, freedom: int) -> str | None:
    if right not in groups or len(groups) < 2:
        return "the base model's beliefs on the suite are not there, or no answers of two groups"
    return (
        "one tuned model a group: what a seed does cannot be told from what the group does"
        if freedom < 1
        else None
    )


def _design(asked: pd.DataFrame, right: str) -> tuple[list[tuple[str, str]], Floats]:
    """(Group, level) of the first columns, and all columns.

    Behind these stand the levels under `right`, and the units but for the first.
    """
    there = set(zip(asked.group, asked.level, strict=True))
    groups = [group for group in asked.group.unique() if group != right]
    cells: list[tuple[str, str]] = [
        (group, level) for group in groups for level in LEVELS if (group, level) in there
    ]
    columns = [(asked.group == group) & (asked.level == level) for group, level in cells]
    columns += [asked.level == level for level in asked.level.unique()]
    columns += [asked.unit == unit for unit in asked.unit.unique()[1:]]
    return cells, np.stack(columns, axis=1).astype(np.float64)


def _contrasts(cells: Sequence[tuple[str, str]], left: str, size: int) -> Iterator[tuple[str, Floats]]:
    """What is told of a group: its effect at each level, and how these differ from that at `known`."""
    unit_P_P = np.eye(size)
    at = {level: unit_P_P[place] for place, (group, level) in enumerate(cells) if group == left}
    yield from at.items()
    if "known" in at:
        for level in list(at)[1:]:
            yield f"{level} / known", at[level] - at["known"]
