"""Belief files: Parquet as harmonia writes it, or JSONL records of other probes.

A JSONL record needs `id`, `question`, `choices`, `answer` and `probs`; the authors'
published probe results are of this form. Its other fields are left unread. A sample log of
lm-evaluation-harness is read too (`samples.py`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from harmonia.errors import InputError
from harmonia.files import fresh_file, require_file
from harmonia.parsing import parquet_about, parquet_rows, read_json_lines
from harmonia.probe.belief_record import BeliefRecord, checked
from harmonia.probe.samples import is_sample, sample_record
from harmonia.types import Belief, Item

_WHAT = "the belief file"

_SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("domain", pa.string()),
        ("question", pa.string()),
        ("choices", pa.list_(pa.string())),
        ("answer", pa.int32()),
        ("explanation", pa.string()),
        ("source", pa.string()),
        ("split", pa.string()),
        ("probs", pa.list_(pa.float64())),
        ("pred", pa.int32()),
        ("confidence", pa.float64()),
        ("correct", pa.bool_()),
        ("letter_mass", pa.float64()),
        ("form", pa.string()),
        ("method", pa.string()),
        ("preset", pa.string()),
        ("normalisation", pa.string()),
        ("shots", pa.int32()),
        ("asked_probs", pa.list_(pa.float64())),
        ("draws", pa.int32()),
        ("agreement", pa.float64()),
        ("agreement_low", pa.float64()),
        ("agreement_high", pa.float64()),
        ("right_rate", pa.float64()),
        ("category", pa.string()),
    ]
)

# What a belief says besides its item and its distribution, under the same name in a file.
_AS_IS = (
    *("letter_mass", "form", "method", "preset", "normalisation", "shots"),
    *("draws", "agreement", "agreement_low", "agreement_high", "right_rate", "category"),
)


def write_beliefs(path: Path, beliefs: Sequence[Belief], about: Mapping[str, Any]) -> None:
    """Write beliefs as Parquet, in one step.

    Args:
        path: The file.
        beliefs: Its rows.
        about: How they were made (model hash, template hash, token ids, ...), kept as
            JSON in the file's own metadata under the key `harmonia`.
    """
    keep_prompt = any(belief.prompt is not None for belief in beliefs)
    schema = _SCHEMA.append(pa.field("prompt", pa.string())) if keep_prompt else _SCHEMA
    rows = [_row(belief, keep_prompt) for belief in beliefs]
    table = pa.Table.from_pylist(rows, schema=schema)
    table = table.replace_schema_metadata({"harmonia": json.dumps(dict(about), sort_keys=True)})
    with fresh_file(path) as partial:
        pq.write_table(table, partial, write_page_checksum=True)


def read_beliefs(path: Path, *, domain: str | None = None) -> tuple[Belief, ...]:
    """Read a belief file; as for `iter_beliefs`."""
    return tuple(iter_beliefs(path, domain=domain))


def iter_beliefs(path: Path, *, domain: str | None = None) -> Iterator[Belief]:
    """Read a belief file, a belief at a time.

    Args:
        path: Parquet or JSONL.
        domain: Domain of records that do not name one.

    Raises:
        InputError: The file is missing or not of either form, a record is wrong, or an
            id comes twice.
    """
    require_file(path, what=_WHAT)
    first: dict[str, int] = {}
    for number, values in _raw_records(path):
        record = sample_record(values, path, number) if is_sample(values) else values
        belief = _belief(checked(record, path, number), path, domain)
        if belief.item.id in first:
            raise InputError(
                f"the id was used in row {first[belief.item.id]} already",
                file=path,
                row=number,
                field="id",
                seen=belief.item.id,
                remedy="Give each item one id and one row.",
            )
        first[belief.item.id] = number
        yield belief
    if not first:
        raise InputError("the file holds no belief", file=path, remedy="Probe some items first.")


def read_about(path: Path) -> dict[str, Any]:
    """How a Parquet belief file was made: what `write_beliefs` was told; empty if nothing."""
    return parquet_about(path, what=_WHAT)


def _raw_records(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    if path.suffix in {".jsonl", ".json"}:
        return read_json_lines(path, what=_WHAT)
    remedy = "Give a file that harmonia probe wrote, or records in a file whose name ends in .jsonl."
    return parquet_rows(path, what=_WHAT, remedy=remedy)


def _belief(record: BeliefRecord, path: Path, domain: str | None) -> Belief:
    pred = record.probs.index(max(record.probs))
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


def _row(belief: Belief, keep_prompt: bool) -> dict[str, Any]:
    item = belief.item
    row: dict[str, Any] = {name: getattr(item, name) for name in ("id", "domain", "question", "answer")}
    row |= {name: getattr(item, name) for name in ("explanation", "source", "split")}
    row |= {"choices": list(item.choices), "probs": list(belief.probs)}
    row |= {name: getattr(belief, name) for name in ("pred", "confidence", "correct", *_AS_IS)}
    row["asked_probs"] = None if belief.asked_probs is None else list(belief.asked_probs)
    return row | {"prompt": belief.prompt} if keep_prompt else row
