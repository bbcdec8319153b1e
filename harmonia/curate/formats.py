"""What a curated row is in a file, by whose file it is, and what that cannot carry.

    jsonl         all of it; `harmonia train` reads it
    trl           conversational JSONL for TRL's SFTTrainer
    llamafactory  the same, with its entry in `dataset_info.json`
    axolotl       the same with a mark on each turn, and YAML that names the file

Every row is `messages`, and beside it where the row comes from. A pair for preference training is
`prompt`, `chosen` and `rejected` instead, as TRL's DPOTrainer reads them.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from harmonia.curate.change import CuratedRow
from harmonia.curate.settings import Format
from harmonia.data.turns import MODEL_ERROR
from harmonia.files import write_json, write_text
from harmonia.outputs import Inputs, require_file_place
from harmonia.parsing import read_object
from harmonia.types import Message

DATASETS = "dataset_info.json"
_INFO = f"LLaMA-Factory's {DATASETS}"
_LEARNED = "train"
_TITLE = "# Written by harmonia curate."


def record_of(row: CuratedRow, form: Format) -> dict[str, Any] | None:
    """A row as a file of some form has it; None where it teaches nothing and the form has no weights."""
    if form != "jsonl" and not row.row.weight:
        return None
    turns = [_turn(turn, form) for turn in row.row.messages]
    taught = {"messages": turns, "weight": row.row.weight, "from_epoch": row.row.from_epoch}
    if row.rejected is not None:
        turns = [{"role": turn.role, "content": turn.content} for turn in row.row.messages]
        other = {"role": "assistant", "content": row.rejected}
        taught = {"prompt": turns[:-1], "chosen": turns[-1:], "rejected": [other]}
    return {
        "id": row.row.id,
        **taught,
        "line": row.row.line,
        "category": row.category,
        "conflict": None if row.conflict is None else float(row.conflict),
        "policy": row.policy,
        "changed": row.changed,
        MODEL_ERROR: row.model_error,
    }


def lost_in(row: CuratedRow, form: Format) -> Counter[str]:
    """What a form cannot carry of a row, in words."""
    lost: Counter[str] = Counter()
    if form == "jsonl" and row.rejected is None:
        return lost
    lost["rows of weight 0, left out"] = int(not row.row.weight)
    lost["rows whose weight is not told"] = int(row.row.weight not in (0, 1))
    lost["rows shown from the first epoch on, not later"] = int(row.row.from_epoch > 0)
    if form != "axolotl":
        masked = any(turn.role == "assistant" and not turn.learned for turn in row.row.messages)
        lost["rows with answers that are learned, though the file says not"] = int(masked)
    return +lost


def _turn(turn: Message, form: Format) -> dict[str, Any]:
    said: dict[str, Any] = {"role": turn.role, "content": turn.content}
    if form == "axolotl":
        said[_LEARNED] = turn.role == "assistant" and turn.learned
    elif form == "jsonl" and not turn.learned:
        said["weight"] = 0
    return said


def beside(path: Path, form: Format) -> Path | None:
    """The file that a trainer finds a set by, of a form that has one."""
    if form == "axolotl":
        return path.with_suffix(".yml")
    return path.with_name(DATASETS) if form == "llamafactory" else None


def require_beside(path: Path, form: Format, inputs: Inputs = ()) -> None:
    """Require that this file can be written.

    Raises:
        InputError: It cannot, or it is not harmonia's and nothing can be added to it.
    """
    place = beside(path, form)
    if place is not None:
        is_ours = _has_title if form == "axolotl" else None
        require_file_place(place, inputs=inputs, ours=is_ours)
        if form == "llamafactory" and place.exists():
            read_object(place, what=_INFO)


def _has_title(path: Path) -> bool:
    return path.read_text(encoding="utf-8", errors="replace").startswith(_TITLE)


def write_beside(path: Path, form: Format) -> None:
    """Write that file; other entries of LLaMA-Factory's stay."""
    place = beside(path, form)
    if place is None:
        return
    if form == "axolotl":
        # JSON texts are YAML.
        write_text(place, _AXOLOTL.format(title=_TITLE, path=json.dumps(str(path)), learned=_LEARNED))
        return
    known = read_object(place, what=_INFO) if place.exists() else {}
    write_json(place, {**known, dataset_name(path): {"file_name": path.name, **_LLAMA_FACTORY}})


def dataset_name(path: Path) -> str:
    """What LLaMA-Factory calls a set."""
    return path.stem.replace(".", "_")


_LLAMA_FACTORY = {
    "formatting": "sharegpt",
    "columns": {"messages": "messages"},
    "tags": {
        "role_tag": "role",
        "content_tag": "content",
        "user_tag": "user",
        "assistant_tag": "assistant",
        "system_tag": "system",
    },
}

_AXOLOTL = """\
{title}
datasets:
  - path: {path}
    ds_type: json
    type: chat_template
    field_messages: messages
    message_property_mappings:
      role: role
      content: content
    roles_to_train: []
    message_field_training: {learned}
    train_on_eos: turn
"""
