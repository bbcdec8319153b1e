"""SliCK results as a file, one row a question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harmonia.slick.knowledge import Knowledge
from harmonia.table_file import TableFile

KNOWLEDGE = TableFile(
    what="the SliCK results",
    columns={
        **dict.fromkeys(("id", "domain", "question"), str),
        "right_answers": list[str],
        "category": str,
        **dict.fromkeys(("greedy_right", "greedy_asked", "sampled_right", "sampled_asked"), int),
        **dict.fromkeys(("p_greedy", "p_sampled"), float),
        "answers": list[str],
    },
)


def write_knowledge(path: Path, found: Sequence[Knowledge], about: Mapping[str, Any]) -> None:
    """Write results in one step, as Parquet, JSONL or CSV by the name's ending.

    The question's accepted answers stand in `right_answers`; `about` is how they were made.
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
    KNOWLEDGE.write(path, rows, about)
