"""General instructions: what is mixed into a training set beside the exam's rows.

A file is a JSON array or JSON Lines. The form of a row is seen from its fields:
    alpaca     `instruction`, `input` (may be missing, null or blank), `output`
    sharegpt   `conversations`: a list of {`from`: human | gpt | system, `value`}
    messages   `messages`: a list of {`role`: user | assistant | system, `content`}
Other fields are ignored. Text is kept as in the file. A conversation may open with
one system turn; then user and assistant alternate, and the assistant has the last
word.

An instruction is called by the row's own `id`, else by the first 16 digits of the
sha256 of its turns, so that the order of the file does not matter. Rows alike in id
and turns are kept once; one id with different turns is a bad row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from harmonia.data.json_rows import read_json_rows
from harmonia.data.records import BadRow, bad_row
from harmonia.data.source import input_error
from harmonia.errors import InputError
from harmonia.files import require_file
from harmonia.hashing import sha256_json
from harmonia.types import Message

__all__ = ["Instruction", "parse_instructions", "read_instructions"]

_SHAREGPT_ROLES = {"human": "user", "gpt": "assistant", "system": "system"}
_ROLES = {"user": "user", "assistant": "assistant", "system": "system"}
_ID_DIGITS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """A conversation to train on whose last turn is the assistant's."""

    id: str
    messages: tuple[Message, ...]


def read_instructions(path: Path, on_bad_row: Literal["fail", "skip"] = "fail") -> tuple[Instruction, ...]:
    """Read general instructions.

    Args:
        path: A file in one of the forms above.
        on_bad_row: Whether a bad row ends the reading or is left out.

    Returns:
        The instructions in the order of the file.

    Raises:
        InputError: The file cannot be read, has no good row, or has a bad row and
            `on_bad_row` is `fail`.
    """
    instructions, bad = parse_instructions(path)
    if bad and (on_bad_row == "fail" or not instructions):
        raise input_error(bad)
    if not instructions:
        raise InputError("the file has no rows", file=path, remedy="Give a file with rows.")
    return instructions


def parse_instructions(path: Path) -> tuple[tuple[Instruction, ...], tuple[BadRow, ...]]:
    """Read general instructions and keep account of the bad rows.

    Args:
        path: A file in one of the forms above.

    Returns:
        The instructions, and the rows that are none.

    Raises:
        InputError: The file is not there, or is an array that is not JSON.
    """
    found: dict[str, tuple[int, Instruction]] = {}
    bad: list[BadRow] = []
    for row in _rows(path):
        if isinstance(row, BadRow):
            bad.append(row)
            continue
        number, fields = row
        try:
            instruction = _instruction(fields)
            first, other = found.setdefault(instruction.id, (number, instruction))
            if other != instruction:
                raise _Wrong(
                    "id", f"this id was used before with other turns, in row {first}", instruction.id
                )
        except _Wrong as wrong:
            bad.append(bad_row(wrong.at(path, number)))
    return tuple(instruction for _, instruction in found.values()), tuple(bad)


class _Wrong(Exception):
    """What is wrong with a row, before it is known where the row stands."""

    def __init__(self, field: str | None, problem: str, *seen: Any) -> None:
        self.field, self.problem, self.seen = field, problem, seen

    def at(self, path: Path, row: int) -> InputError:
        remedy = "Correct or remove the row."
        if not self.seen:
            return InputError(self.problem, file=path, row=row, field=self.field, remedy=remedy)
        return InputError(
            self.problem, file=path, row=row, field=self.field, seen=self.seen[0], remedy=remedy
        )


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any]] | BadRow]:
    require_file(path, what="the instructions file")
    yield from read_json_rows(path)


def _instruction(fields: Mapping[str, Any]) -> Instruction:
    marks = [name for name in _FORMS if name in fields]
    if len(marks) != 1:
        problem = "not one of the fields " + ", ".join(f"`{name}`" for name in _FORMS)
        raise _Wrong(None, f"{problem} alone", sorted(fields))
    messages = _FORMS[marks[0]](fields)
    _require_turns(marks[0], messages)
    name = fields.get("id")
    if name is None:
        turns = [[message.role, message.content] for message in messages]
        name = sha256_json(turns)[:_ID_DIGITS]
    elif isinstance(name, bool) or not isinstance(name, (int, str)) or not str(name).strip():
        raise _Wrong("id", "neither a whole number nor a text", name)
    return Instruction(id=str(name), messages=messages)


def _alpaca(fields: Mapping[str, Any]) -> tuple[Message, ...]:
    asked = _text(fields, "instruction", "instruction")
    given = fields.get("input")
    if given is not None and not isinstance(given, str):
        raise _Wrong("input", "not a text", given)
    if given is not None and given.strip():
        asked = f"{asked}\n\n{_text(fields, 'input', 'input')}"
    answered = _text(fields, "output", "output")
    return Message(role="user", content=asked), Message(role="assistant", content=answered)


def _sharegpt(fields: Mapping[str, Any]) -> tuple[Message, ...]:
    return _turns(fields["conversations"], "conversations", "from", "value", _SHAREGPT_ROLES)


def _messages(fields: Mapping[str, Any]) -> tuple[Message, ...]:
    return _turns(fields["messages"], "messages", "role", "content", _ROLES)


_FORMS = {"instruction": _alpaca, "conversations": _sharegpt, "messages": _messages}


def _turns(
    turns: Any, field: str, role_field: str, text_field: str, roles: Mapping[str, str]
) -> tuple[Message, ...]:
    if not isinstance(turns, list) or not turns:
        raise _Wrong(field, "not a list of turns", turns)
    messages = []
    for k, turn in enumerate(turns):
        if not isinstance(turn, dict):
            raise _Wrong(f"{field}[{k}]", "not a turn", turn)
        role = _text(turn, role_field, f"{field}[{k}].{role_field}")
        if role not in roles:
            raise _Wrong(f"{field}[{k}].{role_field}", f"not one of {', '.join(roles)}", role)
        content = _text(turn, text_field, f"{field}[{k}].{text_field}")
        messages.append(Message(role=roles[role], content=content))
    return tuple(messages)


def _require_turns(field: str, messages: tuple[Message, ...]) -> None:
    roles = [message.role for message in messages]
    spoken = roles[1:] if roles[0] == "system" else roles
    if not spoken or spoken[-1] != "assistant":
        raise _Wrong(field, "the conversation does not end with the assistant", roles)
    if spoken != ["user", "assistant"] * (len(spoken) // 2):
        raise _Wrong(field, "user and assistant do not alternate", roles)


def _text(fields: Mapping[str, Any], name: str, field: str) -> str:
    if name not in fields:
        raise _Wrong(field, "the field is missing")
    value = fields[name]
    if not isinstance(value, str):
        raise _Wrong(field, "not a text", value)
    if not value.strip():
        raise _Wrong(field, "empty or only white space", value)
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise _Wrong(field, "half of a surrogate pair, which is not a character", value)
    return value
