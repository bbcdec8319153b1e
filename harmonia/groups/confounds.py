"""What differs between groups besides whether the model is right: one row a training set.

Read it before a difference between two groups is put down to knowledge.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harmonia.columns import Count, Share, Table
from harmonia.data.words import normalised
from harmonia.groups.balance import kolmogorov_smirnov, total_variation
from harmonia.groups.names import GroupName
from harmonia.groups.select import label_stated, mislabelled
from harmonia.prompts import LETTERS
from harmonia.types import Belief, GroupRow

_QUANTILES = (10, 50, 90)
_BESIDE = ("harmonious", "self_aligning")


@dataclass(frozen=True, kw_only=True)
class ConfoundsRow:
    """What differs between a training set and others besides whether the model is right.

    A set of general instructions alone has no letters, confidences and lengths.

    Attributes:
        domain: The domain.
        seed: Fine-tuning seed of a run that it was drawn for; empty outside a run.
        group: The training set.
        rows: Rows of its own.
        general: General instructions mixed in.
        letters_tv_harmonious: Total variation of its target letters from the harmonious set's of the same
            kind; empty where there is none.
        letters_tv_self_aligning: The same from the self-aligning set's, which are the letters believed.
        letters_tv_uniform: Their total variation from equal shares.
        confidence_p10: 10 % quantile of the base model's confidence.
        confidence_p50: Median of it.
        confidence_p90: 90 % quantile of it.
        confidence_ks_harmonious: Kolmogorov-Smirnov distance of its confidences from the harmonious set's
            of the same kind; empty where there is none.
        question_chars_p10: 10 % quantile of the characters of a question.
        question_chars_p50: Median of them.
        question_chars_p90: 90 % quantile of them.
        question_chars_ks_harmonious: The same of the characters of a question.
        answer_chars_p10: 10 % quantile of the characters of a reply.
        answer_chars_p50: Median of them.
        answer_chars_p90: 90 % quantile of them.
        repeated: Rows whose question stands in the set already, in other case or punctuation.
        labels_stated: Items whose explanation states a letter.
        labels_flagged: Those of them where it is not the right one.
        explained: Rows with an explanation.
    """

    domain: str
    seed: int | None
    group: str
    rows: Count
    general: Count
    letters_tv_harmonious: Share | None
    letters_tv_self_aligning: Share | None
    letters_tv_uniform: Share | None
    confidence_p10: Share | None
    confidence_p50: Share | None
    confidence_p90: Share | None
    confidence_ks_harmonious: Share | None
    question_chars_p10: float | None
    question_chars_p50: float | None
    question_chars_p90: float | None
    question_chars_ks_harmonious: Share | None
    answer_chars_p10: float | None
    answer_chars_p50: float | None
    answer_chars_p90: float | None
    repeated: Count
    labels_stated: Count
    labels_flagged: Count
    explained: Count


@dataclass(frozen=True, kw_only=True)
class TargetLetterRow:
    """How often a training set teaches a letter.

    Attributes:
        domain: The domain.
        seed: Fine-tuning seed of a run that it was drawn for; empty outside a run.
        group: The training set.
        letter: The letter.
        rows: Rows of its own that teach it.
        share: Their share.
    """

    domain: str
    seed: int | None
    group: str
    letter: str
    rows: Count
    share: Share


CONFOUNDS = Table(name="confounds", row=ConfoundsRow, key=("domain", "seed", "group"))
TARGET_LETTERS = Table(name="target_letters", row=TargetLetterRow, key=("domain", "seed", "group", "letter"))


@dataclass(slots=True, kw_only=True)
class _Set:
    """What of a training set is counted, gone through once; general instructions are only counted."""

    ids: list[str]
    targets: Counter[int]
    options: int
    length: list[int]
    replies: list[int]
    repeated: int
    explained: int
    general: int


def differences(
    domain: str,
    groups: Mapping[str, Sequence[GroupRow]],
    beliefs: Sequence[Belief],
    seed: int | None = None,
) -> tuple[list[ConfoundsRow], list[TargetLetterRow]]:
    """Describe the training sets of one domain, and how often each teaches each letter.

    A set is compared with the harmonious and the self-aligning one of its own kind: `X_matched_letter`
    with `harmonious_matched_letter`, all others with `harmonious`.

    `groups` are rows by the name of their file, `seed` is that of the tables' column.
    """
    sets = {name: _set_of(rows) for name, rows in groups.items()}
    ids = {one for found in sets.values() for one in found.ids}
    asked = {
        belief.item.id: (belief.confidence, label_stated(belief.item), mislabelled(belief.item))
        for belief in beliefs
        if belief.item.id in ids
    }
    confidence = {name: [asked[one][0] for one in found.ids] for name, found in sets.items()}
    length = {name: found.length for name, found in sets.items()}
    confounds = [
        ConfoundsRow(
            domain=domain,
            seed=seed,
            group=name,
            rows=len(found.ids),
            general=found.general,
            **_letters(found, *(sets.get(_beside(name, kind)) for kind in _BESIDE)),
            **_spread("confidence", confidence[name]),
            confidence_ks_harmonious=_apart(confidence, name),
            **_spread("question_chars", found.length),
            question_chars_ks_harmonious=_apart(length, name),
            **_spread("answer_chars", found.replies),
            repeated=found.repeated,
            labels_stated=sum(asked[one][1] for one in found.ids),
            labels_flagged=sum(asked[one][2] for one in found.ids),
            explained=found.explained,
        )
        for name, found in sets.items()
    ]
    letters = [
        TargetLetterRow(
            domain=domain,
            seed=seed,
            group=name,
            letter=LETTERS[option],
            rows=found.targets[option],
            share=found.targets[option] / len(found.ids),
        )
        for name, found in sets.items()
        for option in range(found.options)
    ]
    return confounds, letters


def _set_of(rows: Sequence[GroupRow]) -> _Set:
    found = _Set(
        ids=[], targets=Counter(), options=0, length=[], replies=[], repeated=0, explained=0, general=0
    )
    questions = set()
    for row in rows:
        if row.target is None:
            found.general += 1
            continue
        found.ids.append(row.id)
        found.targets[row.target] += 1
        found.options = max(found.options, len(row.choices))
        found.length.append(len(row.question))
        found.replies.append(len(row.messages[-1].content))
        found.explained += bool(row.explanation)
        questions.add(normalised(row.question))
    found.repeated = len(found.ids) - len(questions)
    return found


def _beside(name: str, kind: str) -> str:
    group = GroupName.parse(name)
    return kind if group.policy else str(group.beside(kind))


def _letters(found: _Set, *others: _Set | None) -> dict[str, float | None]:
    """How far its letters are from those of the harmonious and the self-aligning set, and from equal."""
    columns = ("letters_tv_harmonious", "letters_tv_self_aligning", "letters_tv_uniform")
    if not found.ids:
        return dict.fromkeys(columns)
    options = max(one.options for one in (found, *others) if one)
    shares = _shares(found, options)
    beside = [_shares(one, options) if one and one.ids else None for one in others]
    apart = (total_variation(shares, one) if one else None for one in (*beside, [1 / options] * options))
    return dict(zip(columns, apart, strict=True))


def _shares(found: _Set, options: int) -> list[float]:
    return [found.targets[option] / len(found.ids) for option in range(options)]


def _spread(name: str, values: Sequence[float]) -> dict[str, float | None]:
    columns = [f"{name}_p{share}" for share in _QUANTILES]
    if not values:
        return dict.fromkeys(columns)
    found = np.quantile(values, [share / 100 for share in _QUANTILES])
    return dict(zip(columns, map(float, found), strict=True))


def _apart(values: Mapping[str, Sequence[float]], name: str) -> float | None:
    """KS distance from the harmonious set of the same kind."""
    beside = values.get(_beside(name, "harmonious"))
    return kolmogorov_smirnov(values[name], beside) if values[name] and beside else None
