"""One model's answers to one suite, as arrays: what every measure is computed from.

Arrays end in their axes: `I` items, `C` options of the item that has most.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harmonia.errors import InputError
from harmonia.probe import BELIEFS, read_beliefs
from harmonia.probe.belief_columns import BeliefColumns, belief_columns, belief_parts
from harmonia.probe.item_columns import ItemColumns
from harmonia.types import Belief

Floats = NDArray[np.float64]
Texts = NDArray[np.object_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answers:
    """A model's answers, in the order of the items' ids, whatever the order of the file.

    Attributes:
        ids_I: The items' ids.
        items_I: A number for each item that is the same wherever this very question is asked:
            equal ids of two domains, or of two files, are not one item.
        clusters_I: A number for what each has in common with others: a passage or an entity where
            an item names one, else its domain.
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
    clusters_I: NDArray[np.uint64]
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
    def of(cls, beliefs: Sequence[Belief]) -> Answers:
        """Lay beliefs out as arrays; as for `of_columns`."""
        return cls.of_columns(BeliefColumns.of(beliefs))

    @classmethod
    def of_columns(cls, found: BeliefColumns) -> Answers:
        """Lay beliefs out as arrays.

        Raises:
            InputError: There are none.
        """
        if not len(found.row_I):
            raise InputError("there are no answers to analyse", remedy="Ask at least one item.")
        return cls._joined([_laid(found)])

    @classmethod
    def in_parts(cls, path: Path) -> Answers | None:
        """Lay the beliefs of a Parquet file out, some in memory at a time.

        None where the file holds no items, or a rule of beliefs may be broken: then `read_columns` says how.
        """
        parts = []
        for found in belief_parts(path):
            if found.doubtful().any():
                return None
            parts.append(_laid(found))
        answers = cls._joined(parts) if parts else None
        if answers is None or (answers.ids_I[1:] == answers.ids_I[:-1]).any():
            return None
        return answers

    @classmethod
    def _joined(cls, parts: Sequence[dict[str, Any]]) -> Answers:
        columns = {}
        for name in list(parts[0]):
            arrays = [part.pop(name) for part in parts]
            if arrays[0].ndim == 2:
                most = max(array.shape[1] for array in arrays)
                arrays = [np.pad(array, ((0, 0), (0, most - array.shape[1]))) for array in arrays]
            columns[name] = np.concatenate(arrays)
        named_I, domains_I = columns.pop("named_I"), columns.pop("domain_numbers_I")
        # An item of no cluster beside others of one stands for itself.
        alone_I = np.where(named_I > 0, named_I, columns["items_I"])
        columns["clusters_I"] = alone_I if named_I.any() else domains_I
        columns["asked_I_C"][columns.pop("cloze_I")] = np.nan
        order_I = np.argsort(columns["ids_I"], kind="stable")
        return cls(**{name: columns.pop(name)[order_I] for name in list(columns)})

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


def _laid(found: BeliefColumns) -> dict[str, Any]:
    """The columns of `Answers`, in the order of the file, and what its clusters are made from."""
    items, row_I = found.items, found.row_I
    gold_I, probs_I_C = items.gold_I[row_I], found.padded("probs")
    pred_I = probs_I_C.argmax(axis=1)
    return {
        "ids_I": items.texts_I("id")[row_I],
        "items_I": found.numbers_I,
        "named_I": items.named_I[row_I],
        "domain_numbers_I": items.domains_I[row_I],
        "domains_I": items.texts_I("domain")[row_I],
        "options_I": items.options_I[row_I],
        "gold_I": gold_I,
        "probs_I_C": probs_I_C,
        "pred_I": pred_I,
        "correct_I": pred_I == gold_I,
        "confidence_I": probs_I_C.max(axis=1),
        "asked_I_C": found.padded("asked_probs", probs_I_C),
        "cloze_I": found.texts_I("method") == "cloze",
        "letter_mass_I": found.numbers("letter_mass"),
        "category_I": found.texts_I("category"),
    }


def read_columns(
    path: Path, known: dict[Path, ItemColumns] | None = None, *, prompts: bool = False
) -> BeliefColumns:
    """Read a belief or prediction file by column; as for `belief_columns`, but any form of file.

    Raises:
        InputError: The file is missing, holds nothing, or a record is wrong.
    """
    found = BELIEFS.is_parquet(path) and belief_columns(path, known, prompts=prompts)
    return found or BeliefColumns.of(read_beliefs(path))


def read_answers(path: Path, known: dict[Path, ItemColumns] | None = None) -> Answers:
    """Read a prediction file as arrays; as for `read_columns`."""
    found = Answers.in_parts(path) if BELIEFS.is_parquet(path) else None
    return found or Answers.of_columns(read_columns(path, known))


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
        problem = f"item {before.ids_I[unlike_I][0]} has other options or another answer before than after"
        raise InputError(problem, field="choices", remedy="Ask both models the same file.")


def per_item(measure: Callable[..., Floats], *answers: Answers) -> Floats:
    """Apply a measure of distributions to items of any number of options.

    `measure` takes one array of shape (I, C) for each of `answers`, and gives shape (I,).

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
