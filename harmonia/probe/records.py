"""Belief files: Parquet, JSONL or CSV as harmonia writes them, or JSONL records of other probes.

A JSONL record needs `id`, `question`, `choices`, `answer` and `probs`; the authors'
published probe results are of this form. Its other fields are left unread. A sample log of
lm-evaluation-harness is read too (`samples.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from harmonia.errors import InputError
from harmonia.parsing import parquet_about, require_new
from harmonia.probe.belief_record import BeliefRecord, checked
from harmonia.probe.samples import is_sample, sample_record
from harmonia.table_file import TableFile
from harmonia.types import Belief, Item

BELIEFS = TableFile(
    what="the belief file",
    columns={
        **dict.fromkeys(("id", "domain", "question"), str),
        "choices": list[str],
        "answer": int,
        **dict.fromkeys(("explanation", "source", "split"), str),
        "probs": list[float],
        "pred": int,
        "confidence": float,
        "correct": bool,
        "letter_mass": float,
        **dict.fromkeys(("form", "method", "preset", "normalisation"), str),
        "shots": int,
        "asked_probs": list[float],
        "draws": int,
        **dict.fromkeys(("agreement", "agreement_low", "agreement_high", "right_rate"), float),
        "category": str,
        "prompt": str,
    },
    optional=frozenset({"prompt"}),
)

# What a belief says besides its item and its distribution, under the same name in a file.
_AS_IS = (
    *("letter_mass", "form", "method", "preset", "normalisation", "shots"),
    *("draws", "agreement", "agreement_low", "agreement_high", "right_rate", "category"),
)


def write_beliefs(path: Path, beliefs: Sequence[Belief], about: Mapping[str, Any]) -> None:
    """Write beliefs in one step, as Parquet, JSONL or CSV by the name's ending.

    Args:
        path: The file.
        beliefs: Its rows.
        about: How they were made (model hash, template hash, token ids, ...); see `TableFile`.
    """
    BELIEFS.write(path, map(_row, beliefs), about)


def read_beliefs(path: Path, *, domain: str | None = None) -> tuple[Belief, ...]:
    """Read a belief file; as for `iter_beliefs`."""
    return tuple(iter_beliefs(path, domain=domain))


def iter_beliefs(path: Path, *, domain: str | None = None) -> Iterator[Belief]:
    """Read a belief file, a belief at a time.

    Args:
        path: Parquet, JSONL or CSV.
        domain: Domain of records that do not name one.

    Raises:
        InputError: The file is missing or not of these forms, a record is wrong, or an
            id comes twice.
    """
    first: dict[str, int] = {}
    for number, values in BELIEFS.read(path):
        record = sample_record(values, path, number) if is_sample(values) else values
        belief = _belief(checked(record, path, number), path, domain)
        require_new(first, belief.item.id, file=path, row=number)
        yield belief
    if not first:
        raise InputError("the file holds no belief", file=path, remedy="Probe some items first.")


def read_about(path: Path) -> dict[str, Any]:
    """How a Parquet belief file was made: what `write_beliefs` was told; empty if nothing."""
    return parquet_about(path, what=BELIEFS.what)


def _belief(record: BeliefRecord, path: Path, domain: str | None) -> Belief:
    pred = record.best
    said: dict[str, Any] = {name: getattr(record, name) for name in _AS_IS}
    for name in ("form", "method", "preset"):
        said[name] = said[name] or "unknown"
    item = Item(
        id=str(record.id),
        domain=record.domain or domain or "",
        question=record.question,
        choices=tuple(record.choices),
        answer=record.answer,
        explanation=record.explanation or "",
        source=str(path) if record.source is None else record.source,
        split=record.split or "",
    )
    return Belief(
        item=item,
        probs=tuple(record.probs),
        pred=pred,
        confidence=record.probs[pred],
        correct=pred == record.answer,
        prompt=record.prompt,
        asked_probs=None if record.asked_probs is None else tuple(record.asked_probs),
        **said,
    )


def _row(belief: Belief) -> dict[str, Any]:
    item = belief.item
    row: dict[str, Any] = {name: getattr(item, name) for name in ("id", "domain", "question", "answer")}
    row |= {name: getattr(item, name) for name in ("explanation", "source", "split")}
    row |= {"choices": list(item.choices), "probs": list(belief.probs)}
    row |= {name: getattr(belief, name) for name in ("pred", "confidence", "correct", "prompt", *_AS_IS)}
    return row | {"asked_probs": None if belief.asked_probs is None else list(belief.asked_probs)}
