"""What differs between groups besides whether the model is right: one row a training set.

Read it before a difference between two groups is put down to knowledge.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from harmonia.data.leakage import normalised
from harmonia.groups.match import label_stated, mislabelled
from harmonia.prompts import LETTERS
from harmonia.types import Belief, GroupRow

__all__ = ["confounds", "total_variation"]

_QUANTILES = (10, 50, 90)


def confounds(groups: Mapping[str, Sequence[GroupRow]], beliefs: Sequence[Belief]) -> list[dict[str, Any]]:
    """Describe the training sets of one domain.

    A set is compared with the harmonious one of its own kind: `X_matched_letter` with
    `harmonious_matched_letter`, all others with `harmonious`.

    Args:
        groups: Rows by the file's name.
        beliefs: The beliefs that they were built from, for confidence and labels.

    Returns:
        For each set: `group`; `rows` and `general` of it; `letters`, the share of each
        target letter (`A=.25 B=.75`); `letters_tv_harmonious` and `letters_tv_uniform`, their
        total variation (0 to 1) from the harmonious set's and from equal shares; `p10`,
        `p50` and `p90` of the base model's `confidence` and of `question_chars` and
        `answer_chars`, characters of question and reply; `repeated`, rows whose question
        stands in the set already, in other case or punctuation; `labels_stated`, items whose
        explanation states a letter, and `labels_flagged`, those where it is not the right
        one; `explained`, rows with an explanation. None where there is nothing to compare.
    """
    by_id = {belief.item.id: belief for belief in beliefs}
    own = {name: [row for row in rows if row.target is not None] for name, rows in groups.items()}
    return [
        {
            "group": name,
            "rows": len(rows),
            "general": len(groups[name]) - len(rows),
            **_letters(rows, own.get(_harmonious_beside(name))),
            **_spread("confidence", [by_id[row.id].confidence for row in rows]),
            **_spread("question_chars", [len(row.question) for row in rows]),
            **_spread("answer_chars", [len(row.messages[-1].content) for row in rows]),
            "repeated": len(rows) - len({normalised(row.question) for row in rows}),
            "labels_stated": sum(label_stated(by_id[row.id].item) for row in rows),
            "labels_flagged": sum(mislabelled(by_id[row.id].item) for row in rows),
            "explained": sum(bool(row.explanation) for row in rows),
        }
        for name, rows in own.items()
    ]


def total_variation(one: Sequence[float], other: Sequence[float]) -> float:
    """Half the sum of absolute differences of two distributions, 0 to 1."""
    return sum(abs(a - b) for a, b in zip(one, other, strict=True)) / 2


def _harmonious_beside(name: str) -> str:
    _, matched, criteria = name.partition("_matched_")
    return f"harmonious{matched}{criteria}"


def _letters(rows: Sequence[GroupRow], harmonious: Sequence[GroupRow] | None) -> dict[str, Any]:
    options = max(len(row.choices) for row in [*rows, *(harmonious or ())])
    shares = _shares(rows, options)
    beside = None if harmonious is None else total_variation(shares, _shares(harmonious, options))
    return {
        "letters": " ".join(f"{letter}={share:.3f}" for letter, share in zip(LETTERS, shares, strict=False)),
        "letters_tv_harmonious": beside,
        "letters_tv_uniform": total_variation(shares, [1 / options] * options),
    }


def _shares(rows: Sequence[GroupRow], options: int) -> list[float]:
    counts = Counter(row.target for row in rows)
    return [counts[option] / len(rows) for option in range(options)]


def _spread(name: str, values: Sequence[float]) -> dict[str, float]:
    found = np.quantile(values, [share / 100 for share in _QUANTILES])
    return {f"{name}_p{share}": float(value) for share, value in zip(_QUANTILES, found, strict=True)}
