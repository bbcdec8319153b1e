"""SliCK results as a Parquet file, one row a question."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from harmonia.files import fresh_file
from harmonia.probe.slick import Knowledge

_SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("domain", pa.string()),
        ("question", pa.string()),
        ("right_answers", pa.list_(pa.string())),
        ("category", pa.string()),
        ("greedy_right", pa.int32()),
        ("greedy_asked", pa.int32()),
        ("sampled_right", pa.int32()),
        ("sampled_asked", pa.int32()),
        ("p_greedy", pa.float64()),
        ("p_sampled", pa.float64()),
        ("answers", pa.list_(pa.string())),
    ]
)


def write_knowledge(path: Path, found: Sequence[Knowledge], about: Mapping[str, Any]) -> None:
    """Write results as Parquet, in one step.

    Args:
        path: The file.
        found: Its rows; the question's accepted answers stand in `right_answers`.
        about: How they were made, kept as JSON in the file's own metadata under the
            key `harmonia`.
    """
    rows = [
        {
            **asdict(one),
            "id": one.question.id,
            "domain": one.question.domain,
            "question": one.question.question,
            "right_answers": list(one.question.answers),
            "answers": list(one.answers),
        }
        for one in found
    ]
    table = pa.Table.from_pylist(rows, schema=_SCHEMA)
    table = table.replace_schema_metadata({"harmonia": json.dumps(dict(about), sort_keys=True)})
    with fresh_file(path) as partial:
        pq.write_table(table, partial, write_page_checksum=True)
