"""The lab's data as files, in the forms that harmonia reads from any user.

    FOLDER/DOMAIN/{train,dev,homogeneous,in_domain,out_of_domain}.jsonl   exam items
    FOLDER/DOMAIN/free.jsonl      questions to answer in words
    FOLDER/general.jsonl          general instructions to mix in
    FOLDER/instructions.jsonl     fine-tuning rows with planted conflicts, for an audit
    FOLDER/truth.jsonl            what the corpus did with the fact behind each id

The truth stands apart, so that the readers of the other files may stay strict.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harmonia.files import write_json_lines
from harmonia.outputs import fresh_directory
from harmonia.types import Message
from harmonia.world.facts import DOMAINS, World, WorldSettings
from harmonia.world.free_text import FreeQuestion, free_questions, instructions
from harmonia.world.general import general_instructions
from harmonia.world.items import SPLITS, LabItem, split_items

_SUITE_SIZE = 300
_FREE_SIZE = 200


def write_lab_data(
    folder: Path,
    seed: int,
    *,
    general: int = 1000,
    rows: int = 600,
) -> None:
    """Write all data files of a world, the folder last: the data that go with the base of its seed.

    There are so many `general` instructions, and so many `rows` of `instructions.jsonl`.
    """
    world = World(seed, WorldSettings())
    truth: dict[str, dict[str, Any]] = {}
    with fresh_directory(folder) as partial:
        for domain in DOMAINS:
            for split in SPLITS:
                size = None if split in ("train", "dev") else _SUITE_SIZE
                items = split_items(world, domain, split, size=size)
                truth |= {lab.item.id: _truth(lab) for lab in items}
                write_json_lines(partial / domain / f"{split}.jsonl", map(_exam_row, items))
            asked = free_questions(world, domain, size=_FREE_SIZE)
            truth |= {one.id: _truth(one) for one in asked}
            write_json_lines(
                partial / domain / "free.jsonl",
                ({"id": one.id, "question": one.question, "answer": one.answer} for one in asked),
            )
        audited = instructions(world, size=rows)
        truth |= {row.id: {"fact": row.fact, "kind": row.kind, "relation": row.relation} for row in audited}
        write_json_lines(
            partial / "instructions.jsonl",
            ({"id": row.id, "messages": _turns(row.messages)} for row in audited),
        )
        turns = ({"messages": _turns(messages)} for messages in general_instructions(seed, general))
        write_json_lines(partial / "general.jsonl", turns)
        write_json_lines(partial / "truth.jsonl", ({"id": name, **value} for name, value in truth.items()))


def _exam_row(lab: LabItem) -> dict[str, Any]:
    names = ("id", "question", "choices", "answer", "explanation", "cluster")
    return {name: getattr(lab.item, name) for name in names}


def _truth(one: LabItem | FreeQuestion) -> dict[str, Any]:
    return {"fact": one.fact, "kind": one.kind, "belief": one.belief}


def _turns(messages: Sequence[Message]) -> list[dict[str, str]]:
    return [{"role": turn.role, "content": turn.content} for turn in messages]
