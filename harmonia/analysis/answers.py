"""One model's answers to one suite, as arrays: what every measure is computed from.

Arrays end in their axes: `I` items, `C` options of the item that has most.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harmonia.errors import InputError
from harmonia.hashing import canonical_json, draw
from harmonia.probe import iter_beliefs
from harmonia.types import Belief, Category, Item

__all__ = ["Answers", "per_item", "read_answers", "require_same_items"]

Floats = NDArray[np.float64]
Texts = NDArray[np.object_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answers:
    """A model's answers, in the order of the items' ids, whatever the order of the file.

    Attributes:
        ids_I: The items' ids.
        items_I: A number for each item that is the same wherever this very question is asked:
            equal ids of two domains, or of two files, are not one item.
        domains_I: Their domains (MMLU's subjects).
        options_I: Number of options of each.
        gold_I: Index of the right option.
        probs_I_C: Probability of each option, 0 beyond an item's own options.
        pred_I: Index of the most probable option, ties to the lowest.
        correct_I: Whether it is the right one.
        confidence_I: Its probability.
        asked_I_C: Probability of each letter as it was asked, in the letters' order and before
            any correction; `probs_I_C` where a file does not say, nan for `cloze`.
        letter_mass_I: Share of the vocabulary's probability on the letters; nan for `cloze`.
        category_I: `known`, `conflicting` or `uncertain` over several draws of
            demonstrations; None for one draw.
    """

    ids_I: Texts
    items_I: NDArray[np.uint64]
    domains_I: Texts
    options_I: NDArray[np.int64]
    gold_I: NDArray[np.int64]
    probs_I_C: Floats
    pred_I: NDArray[np.int64]
    correct_I: NDArray[np.bool_]
    confidence_I: Floats
    asked_I_C: Floats
    letter_mass_I: Floats
    category_I: Texts

    def __len__(self) -> int:
        return len(self.ids_I)

    @classmethod
    def of(cls, beliefs: Iterable[Belief]) -> Answers:
        """Lay beliefs out as arrays.

        Raises:
            InputError: There are none.
        """
        items: list[tuple[str, int, str, int, Category | None]] = []
        options, probs, asked, masses = array("q"), array("d"), array("d"), array("d")
        for one in beliefs:
            # The few domains that there are are held once.
            domain = sys.intern(one.item.domain)
            items.append((one.item.id, _digest(one.item), domain, one.item.answer, one.category))
            options.append(len(one.probs))
            probs.extend(one.probs)
            asked.extend([np.nan] * len(one.probs) if one.method == "cloze" else one.asked_probs or one.probs)
            masses.append(np.nan if one.letter_mass is None else one.letter_mass)
        if not items:
            raise InputError("there are no answers to analyse", remedy="Ask at least one item.")
        order_I = np.array(sorted(range(len(items)), key=lambda row: items[row][0]))
        ids, digests, domains, golds, categories = zip(*items, strict=True)
        options_I, probs_I_C = np.array(options), _padded(np.array(probs), np.array(options))
        pred_I = probs_I_C.argmax(axis=1)
        columns = {
            "ids_I": _texts(ids),
            "items_I": np.array(digests, dtype=np.uint64),
            "domains_I": _texts(domains),
            "options_I": options_I,
            "gold_I": np.array(golds),
            "probs_I_C": probs_I_C,
            "pred_I": pred_I,
            "correct_I": pred_I == np.array(golds),
            "confidence_I": probs_I_C.max(axis=1),
            "asked_I_C": _padded(np.array(asked), options_I),
            "letter_mass_I": np.array(masses),
            "category_I": _texts(categories),
        }
        return cls(**{name: column[order_I] for name, column in columns.items()})

    @property
    def letter_mass(self) -> float | None:
        """Mean letter mass of the items of which it is known; None if of none."""
        known = self.letter_mass_I[~np.isnan(self.letter_mass_I)]
        return float(known.mean()) if len(known) else None

    def without(self, ids: Collection[str]) -> Answers:
        """The answers to all other items.

        Raises:
            InputError: None is left.
        """
        keep_I = np.array([name not in ids for name in self.ids_I], dtype=bool)
        if not keep_I.any():
            raise InputError("no answer is left to analyse", remedy="Leave out fewer items.")
        return Answers(**{name: getattr(self, name)[keep_I] for name in self.__slots__})


def read_answers(path: Path) -> Answers:
    """Read a prediction file as arrays.

    Raises:
        InputError: The file is missing, holds nothing, or a record is wrong.
    """
    return Answers.of(iter_beliefs(path))


def require_same_items(before: Answers, after: Answers) -> None:
    """Require that two models were asked the same items.

    Raises:
        InputError: They were not, or an item has another number of options or another
            answer.
    """
    if not np.array_equal(before.ids_I, after.ids_I):
        alone = sorted(set(before.ids_I) ^ set(after.ids_I))
        raise InputError(
            "before and after do not hold the same items",
            field="id",
            seen=f"{len(alone)} items in one alone, such as {alone[:3]}",
            remedy="Ask both models the same file with the same limit.",
        )
    unlike_I = (before.options_I != after.options_I) | (before.gold_I != after.gold_I)
    if unlike_I.any():
        raise InputError(
            f"item {before.ids_I[unlike_I][0]} has other options or another answer before than after",
            field="choices",
            remedy="Ask both models the same file.",
        )


def per_item(measure: Callable[..., Floats], *answers: Answers) -> Floats:
    """Apply a measure of distributions to items of any number of options.

    Args:
        measure: Takes one array of shape (I, C) for each of `answers`, gives shape (I,).
        answers: Answers to the same items.

    Returns:
        Shape (I,).
    """
    first = answers[0]
    values_I = np.empty(len(first))
    for width, rows_I in _by_width(first.options_I):
        values_I[rows_I] = measure(*(one.probs_I_C[rows_I, :width] for one in answers))
    return values_I


def _by_width(options_I: NDArray[np.int64]) -> Iterator[tuple[int, Any]]:
    widths = np.unique(options_I)
    if len(widths) == 1:
        yield int(widths[0]), slice(None)
        return
    yield from ((int(width), np.flatnonzero(options_I == width)) for width in widths)


def _padded(flat: Floats, options_I: NDArray[np.int64]) -> Floats:
    probs_I_C = np.zeros((len(options_I), options_I.max()))
    probs_I_C[np.arange(probs_I_C.shape[1]) < options_I[:, None]] = flat
    return probs_I_C


def _digest(item: Item) -> int:
    """A number for an item's id, domain, question, answer and options."""
    return draw(0, "item", canonical_json([item.id, item.domain, item.question, item.answer, item.choices]))


def _texts(values: Sequence[str | None]) -> Texts:
    found = np.empty(len(values), dtype=object)
    found[:] = values
    return found
