"""One model's answers to one suite, as arrays: what every measure is computed from.

Arrays end in their axes: `I` items, `C` options of the item that has most.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from harmonia.errors import InputError
from harmonia.hashing import canonical_json, draw
from harmonia.parsing import parquet_columns, read_parquet
from harmonia.probe import read_beliefs
from harmonia.types import Belief

__all__ = ["Answers", "per_item", "read_answers", "require_same_items"]

Floats = NDArray[np.float64]
Texts = NDArray[np.object_]

_COLUMNS = ("id", "domain", "question", "answer", "choices", "probs", "letter_mass")
_LATER = ("category", "method", "asked_probs")  # columns that older files lack
_SUM_TOLERANCE = 1e-3


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
    def of(cls, beliefs: Sequence[Belief]) -> Answers:
        """Lay beliefs out as arrays.

        Raises:
            InputError: There are none.
        """
        _require_some(len(beliefs))
        beliefs = sorted(beliefs, key=lambda belief: belief.item.id)
        options_I = np.array([len(belief.probs) for belief in beliefs])
        flat = np.array([value for belief in beliefs for value in belief.probs])
        asked = np.array([value for belief in beliefs for value in _asked(belief)])
        return _laid_out(
            ids_I=_texts([belief.item.id for belief in beliefs]),
            items_I=_items(
                (one.id, one.domain, one.question, one.answer, one.choices)
                for one in (belief.item for belief in beliefs)
            ),
            domains_I=_texts([belief.item.domain for belief in beliefs]),
            options_I=options_I,
            gold_I=np.array([belief.item.answer for belief in beliefs]),
            probs_I_C=_padded(flat, options_I),
            asked_I_C=_padded(asked, options_I),
            letter_mass_I=np.array(
                [np.nan if belief.letter_mass is None else belief.letter_mass for belief in beliefs]
            ),
            category_I=_texts([belief.category for belief in beliefs]),
        )

    def without(self, ids: Collection[str]) -> Answers:
        """The answers to all other items.

        Raises:
            InputError: None is left.
        """
        keep_I = np.array([name not in ids for name in self.ids_I], dtype=bool)
        _require_some(int(keep_I.sum()))
        return Answers(**{name: getattr(self, name)[keep_I] for name in self.__slots__})


def read_answers(path: Path) -> Answers:
    """Read a prediction file as arrays.

    A Parquet file of harmonia's is laid out column by column; any other file, and one that
    does not hold together, is read by `read_beliefs`, which names the row that is wrong.

    Raises:
        InputError: The file is missing, holds nothing, or a record is wrong.
    """
    found = _from_columns(path) if path.suffix == ".parquet" and path.is_file() else None
    return Answers.of(read_beliefs(path)) if found is None else found


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


def _laid_out(**columns: Any) -> Answers:
    probs_I_C = columns["probs_I_C"]
    pred_I = probs_I_C.argmax(axis=1)
    return Answers(
        **columns,
        pred_I=pred_I,
        correct_I=pred_I == columns["gold_I"],
        confidence_I=np.take_along_axis(probs_I_C, pred_I[:, None], axis=1)[:, 0],
    )


def _padded(flat: Floats, options_I: NDArray[np.int64]) -> Floats:
    probs_I_C = np.zeros((len(options_I), options_I.max()))
    probs_I_C[np.arange(probs_I_C.shape[1]) < options_I[:, None]] = flat
    return probs_I_C


def _from_columns(path: Path) -> Answers | None:
    """The answers of a file whose columns hold together; None for any other."""
    here = parquet_columns(path, what="the file of answers")
    if not set(_COLUMNS) <= set(here):
        return None
    columns = [*_COLUMNS, *(name for name in _LATER if name in here)]
    table = read_parquet(path, what="the file of answers", columns=columns)
    if not len(table) or any(
        table[name].null_count for name in ("id", "domain", "question", "answer", "probs")
    ):
        return None
    if table["id"].type != pa.string() or table["domain"].type != pa.string():
        return None
    table = table.take(pc.sort_indices(table["id"])).combine_chunks()
    options_I = pc.list_value_length(table["probs"]).to_numpy().astype(np.int64)
    gold_I = table["answer"].to_numpy().astype(np.int64)
    flat = pc.list_flatten(table["probs"]).to_numpy()
    if not (options_I >= 2).all() or not np.array_equal(
        options_I, pc.list_value_length(table["choices"]).to_numpy()
    ):
        return None
    probs_I_C = _padded(flat, options_I)
    sums_I = probs_I_C.sum(axis=1)
    if not ((flat >= 0) & (flat <= 1)).all() or not (np.abs(sums_I - 1) <= _SUM_TOLERANCE).all():
        return None
    asked_I_C = _asked_columns(table, probs_I_C, options_I)
    ids_I = table["id"].to_numpy()
    if asked_I_C is None or ((gold_I < 0) | (gold_I >= options_I)).any() or (ids_I[1:] == ids_I[:-1]).any():
        return None
    none = pa.nulls(len(table), pa.string())
    return _laid_out(
        ids_I=ids_I,
        items_I=_items(
            zip(
                *(table[name].to_pylist() for name in ("id", "domain", "question", "answer", "choices")),
                strict=True,
            )
        ),
        domains_I=_shared(table["domain"]),
        options_I=options_I,
        gold_I=gold_I,
        probs_I_C=probs_I_C,
        asked_I_C=asked_I_C,
        letter_mass_I=table["letter_mass"].cast(pa.float64()).to_numpy(),
        category_I=_shared(table["category"] if "category" in here else pa.chunked_array([none])),
    )


def _asked(belief: Belief) -> Sequence[float]:
    if belief.method == "cloze":
        return [np.nan] * len(belief.probs)
    return belief.asked_probs or belief.probs


def _asked_columns(table: Any, probs_I_C: Floats, options_I: NDArray[np.int64]) -> Floats | None:
    """The same from a file's columns; None if they do not hold together."""
    asked_I_C: Floats = probs_I_C.copy()
    option_C = np.arange(probs_I_C.shape[1])
    if "asked_probs" in table.column_names:
        said_I = table["asked_probs"].is_valid().to_numpy(zero_copy_only=False)
        said = table["asked_probs"].drop_null()
        if not np.array_equal(pc.list_value_length(said).to_numpy(), options_I[said_I]):
            return None
        asked_I_C[said_I[:, None] & (option_C < options_I[:, None])] = pc.list_flatten(said).to_numpy()
    if "method" in table.column_names:
        cloze_I = pc.equal(table["method"], "cloze").fill_null(False).to_numpy(zero_copy_only=False)
        asked_I_C[cloze_I[:, None] & (option_C < options_I[:, None])] = np.nan
    return asked_I_C


def _items(identities: Iterable[tuple[str, str, str, int, Sequence[str]]]) -> NDArray[np.uint64]:
    """A digest of each item's id, domain, question, answer and options."""
    return np.fromiter(
        (draw(0, "item", canonical_json(identity)) for identity in identities), dtype=np.uint64
    )


def _shared(column: Any) -> Texts:
    """Texts of which each is held once however often it comes; None where there is none."""
    coded = column.dictionary_encode().combine_chunks()
    words = np.array([*coded.dictionary.to_pylist(), None], dtype=object)
    codes_I = coded.indices.fill_null(len(words) - 1).to_numpy(zero_copy_only=False)
    found: Texts = words[codes_I]
    return found


def _texts(values: Sequence[str | None]) -> Texts:
    found = np.empty(len(values), dtype=object)
    found[:] = values
    return found


def _require_some(count: int) -> None:
    if not count:
        raise InputError("there are no answers to analyse", remedy="Ask at least one item.")
