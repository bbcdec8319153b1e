"""What differs between groups besides whether the model is right: one row a training set.

Read it before a difference between two groups is put down to knowledge.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harmonia.columns import Count, Share, Table
from harmonia.data.leakage import normalised
from harmonia.groups.names import GroupName
from harmonia.groups.select import label_stated, mislabelled
from harmonia.prompts import LETTERS
from harmonia.types import Belief, GroupRow

_QUANTILES = (10, 50, 90)


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
        letters_tv_uniform: Their total variation from equal shares.
        confidence_p10: 10 % quantile of the base model's confidence.
        confidence_p50: Median of it.
        confidence_p90: 90 % quantile of it.
        question_chars_p10: 10 % quantile of the characters of a question.
        question_chars_p50: Median of them.
        question_chars_p90: 90 % quantile of them.
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
    letters_tv_uniform: Share | None
    confidence_p10: Share | None
    confidence_p50: Share | None
    confidence_p90: Share | None
    question_chars_p10: float | None
    question_chars_p50: float | None
    question_chars_p90: float | None
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


def confounds(
    domain: str,
    groups: Mapping[str, Sequence[GroupRow]],
    beliefs: Sequence[Belief],
    seed: int | None = None,
) -> list[ConfoundsRow]:
    """Describe the training sets of one domain.

    A set is compared with the harmonious one of its own kind: `X_matched_letter` with
    `harmonious_matched_letter`, all others with `harmonious`.

    `groups` are rows by the name of their file, `seed` is that of the table's column.
    """
    by_id = {belief.item.id: belief for belief in beliefs}
    own = _own(groups)
    return [
        ConfoundsRow(
            domain=domain,
            seed=seed,
            group=name,
            rows=len(rows),
            general=len(groups[name]) - len(rows),
            **_letters(rows, own.get(_reference(name))),
            **_spread("confidence", [by_id[row.id].confidence for row in rows]),
            **_spread("question_chars", [len(row.question) for row in rows]),
            **_spread("answer_chars", [len(row.messages[-1].content) for row in rows]),
            repeated=len(rows) - len({normalised(row.question) for row in rows}),
            labels_stated=sum(label_stated(by_id[row.id].item) for row in rows),
            labels_flagged=sum(mislabelled(by_id[row.id].item) for row in rows),
            explained=sum(bool(row.explanation) for row in rows),
        )
        for name, rows in own.items()
    ]


def target_letters(
    domain: str, groups: Mapping[str, Sequence[GroupRow]], seed: int | None = None
) -> list[TargetLetterRow]:
    """How often each training set of one domain teaches each letter."""
    found = []
    for name, rows in _own(groups).items():
        counts = Counter(row.target for row in rows)
        for option in range(max((len(row.choices) for row in rows), default=0)):
            found.append(
                TargetLetterRow(
                    domain=domain,
                    seed=seed,
                    group=name,
                    letter=LETTERS[option],
                    rows=counts[option],
                    share=counts[option] / len(rows),
                )
            )
    return found


def _own(groups: Mapping[str, Sequence[GroupRow]]) -> dict[str, list[GroupRow]]:
    """The sets without the general instructions."""
    return {name: [row for row in rows if row.target is not None] for name, rows in groups.items()}


def total_variation(one: Sequence[float], other: Sequence[float]) -> float:
    """Half the sum of absolute differences of two distributions, 0 to 1."""
    return sum(abs(a - b) for a, b in zip(one, other, strict=True)) / 2


def _reference(name: str) -> str:
    group = GroupName.parse(name)
    return "harmonious" if group.policy else str(group.beside("harmonious"))


def _letters(rows: Sequence[GroupRow], harmonious: Sequence[GroupRow] | None) -> dict[str, Any]:
    if not rows:
        return {"letters_tv_harmonious": None, "letters_tv_uniform": None}
    options = max(len(row.choices) for row in [*rows, *(harmonious or ())])
    shares = _shares(rows, options)
    beside = None if harmonious is None else total_variation(shares, _shares(harmonious, options))
    return {
        "letters_tv_harmonious": beside,
        "letters_tv_uniform": total_variation(shares, [1 / options] * options),
    }


def _shares(rows: Sequence[GroupRow], options: int) -> list[float]:
    counts = Counter(row.target for row in rows)
    return [counts[option] / len(rows) for option in range(options)]


def _spread(name: str, values: Sequence[float]) -> dict[str, float | None]:
    columns = [f"{name}_p{share}" for share in _QUANTILES]
    if not values:
        return dict.fromkeys(columns)
    found = np.quantile(values, [share / 100 for share in _QUANTILES])
    return dict(zip(columns, map(float, found), strict=True))
