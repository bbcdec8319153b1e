"""A row of a fine-tuning file -> the turns that it teaches.

    alpaca      `instruction`, `input`, `output`; earlier turns in `history` ([user, assistant] pairs)
    sharegpt    `conversations`: turns of `from` and `value`
    messages    `messages`: turns of `role` and `content`
    completion  `prompt` and `completion`, each a text or a list of turns; what the assistant
                says in the prompt is not learned

`system` (or `system_prompt`) of a row is its first turn. `weight`, `train`, `loss`, ... of an
assistant's turn say whether it is learned, 1 or 0. What would make a row teach something
else if it were left out is refused by name; other fields are left unread, and told.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from harmonia.data.refused import (
    LEARNED,
    MASKED,
    MEDIA,
    OF_ROW,
    OF_TURN,
    TOOL_ROLES,
    TOOLS,
    TWO_ANSWERS,
    Refusal,
)
from harmonia.errors import InputError
from harmonia.types import GroupRow, Message

Fields = Mapping[str, Any]

_ROLES = {
    **dict.fromkeys(("user", "human"), "user"),
    **dict.fromkeys(("assistant", "gpt", "model"), "assistant"),
    **dict.fromkeys(("system", "developer"), "system"),
}
_MARKS = ("weight", *LEARNED, *MASKED)

MODEL_ERROR = "model_error"
"""The field of a curated row that says whether its answer is the model's own error."""
CURATED = ("line", "category", "conflict", "policy", "changed", MODEL_ERROR)
"""Fields of a curated row that say where it comes from."""

_FORMS = {
    "instruction": ("instruction", "input", "output", "history"),
    "conversations": ("conversations",),
    "messages": ("messages",),
    "completion": ("prompt", "completion"),
}
"""The field that tells a form, and the fields that the form has."""
_MESSAGES, _SHAREGPT = ("role", "content"), ("from", "value")
_SYSTEM = ("system", "system_prompt")
_ANY_FORM = ("id", "weight", "from_epoch", *_SYSTEM)
_OWN = {
    ("group", "target"): tuple(one.name for one in dataclasses.fields(GroupRow)),
    (MODEL_ERROR,): CURATED,
}
"""What rows that harmonia wrote, which have the fields on the left, say beyond what training needs."""
_NOTHING: tuple[Any, ...] = (None, "", "[]", "{}", [], {})


def wrong(
    field: str | None, problem: str, *seen: Any, remedy: str = "Correct or remove the row."
) -> InputError:
    """What is wrong with a row; where the row stands is said by whoever knows (`InputError.at`)."""
    return InputError(problem, field=field, remedy=remedy, **({"seen": seen[0]} if seen else {}))


class Said(NamedTuple):
    """What a row says: its turns, and the names of the fields that were left unread."""

    turns: tuple[Message, ...]
    unread: tuple[str, ...]


def said_in(fields: Fields) -> Said:
    """Find the turns of a row.

    Raises:
        InputError: The row has none of the forms, or more than one. A field is missing, of
            another type, or refused. Or its turns do not alternate: at most one of the system,
            then user and assistant, the assistant last.
    """
    _refuse(fields, OF_ROW)
    forms = [name for name in _FORMS if fields.get(name) is not None]
    if len(forms) != 1:
        problem = "not one of the fields " + ", ".join(f"`{name}`" for name in _FORMS)
        raise wrong(None, f"{problem} alone", sorted(fields))
    (form,) = forms
    if form == "instruction":
        turns = _alpaca(fields)
    elif form == "completion":
        turns = _completion(fields)
    else:
        turns = _turns(fields[form], form, _usual(form))
    turns = [*_system(fields, turns), *turns]
    _require_turns(form, turns)
    return Said(tuple(turns), tuple(dict.fromkeys(_unread(fields, form))))


def _alpaca(fields: Fields) -> list[Message]:
    turns = []
    for k, pair in enumerate(_list(fields.get("history") or [], "history", "pairs")):
        if not isinstance(pair, list) or len(pair) != 2:
            raise wrong(f"history[{k}]", "not a pair of what the user and the assistant said", pair)
        for side, role in enumerate(("user", "assistant")):
            turns.append(Message(role=role, content=_text(pair[side], f"history[{k}][{side}]")))
    asked = _required(fields, "instruction", "instruction")
    if (given := _optional(fields, "input")) is not None:
        asked = f"{asked}\n\n{given}"
    turns.append(Message(role="user", content=asked))
    turns.append(Message(role="assistant", content=_required(fields, "output", "output")))
    return turns


def _completion(fields: Fields) -> list[Message]:
    if isinstance(fields.get("label"), bool):
        raise wrong("label", TWO_ANSWERS.problem, fields["label"], remedy=TWO_ANSWERS.remedy)
    found = []
    for name, role in (("prompt", "user"), ("completion", "assistant")):
        if isinstance(fields.get(name), list):
            found += _turns(fields[name], name, _MESSAGES, learnable=name == "completion")
        else:
            found.append(Message(role=role, content=_required(fields, name, name)))
    return found


def _turns(turns: Any, field: str, usual: tuple[str, str], *, learnable: bool = True) -> list[Message]:
    found = []
    for k, turn in enumerate(_list(turns, field, "turns")):
        place = f"{field}[{k}]"
        if not isinstance(turn, Mapping):
            raise wrong(place, "not a turn", turn)
        speaker, text = _names(turn, usual)
        who = _required(turn, speaker, f"{place}.{speaker}")
        if who in TOOL_ROLES:
            raise wrong(f"{place}.{speaker}", TOOLS.problem, who, remedy=TOOLS.remedy)
        if who not in _ROLES:
            raise wrong(f"{place}.{speaker}", f"not one of {', '.join(_ROLES)}", who)
        _refuse(turn, OF_TURN, f"{place}.")
        said = _joined(turn, text, f"{place}.{text}")
        learned = _is_learned(turn, _ROLES[who], f"{place}.", learnable)
        found.append(Message(role=_ROLES[who], content=said, learned=learned))
    return found


def _usual(form: str) -> tuple[str, str]:
    return _SHAREGPT if form == "conversations" else _MESSAGES


def _names(turn: Fields, usual: tuple[str, str]) -> tuple[str, str]:
    """What speaker and text of a turn are called: a list may hold the turns of the other form."""
    other = _MESSAGES if usual == _SHAREGPT else _SHAREGPT
    return other if usual[0] not in turn and other[0] in turn else usual


def _joined(turn: Fields, name: str, place: str) -> str:
    """The text of a turn, which may be a list of parts."""
    if not isinstance(turn.get(name), list) or not turn[name]:
        return _required(turn, name, place)
    texts = []
    for k, part in enumerate(turn[name]):
        if not isinstance(part, Mapping) or part.get("type") != "text":
            raise wrong(f"{place}[{k}]", MEDIA.problem, part, remedy=MEDIA.remedy)
        texts.append(_required(part, "text", f"{place}[{k}].text"))
    return "".join(texts)


def _is_learned(turn: Fields, role: str, place: str, learnable: bool) -> bool:
    marks = {name: turn[name] for name in _MARKS if turn.get(name) is not None}
    for name, value in marks.items():
        if value not in (0, 1):
            remedy = "A turn is learned (1) or not (0); the `weight` of a row may be any number from 0 up."
            raise wrong(place + name, "neither 0 nor 1", value, remedy=remedy)
    said = {bool(value) != (name in MASKED) for name, value in marks.items()}
    if len(said) > 1:
        raise wrong(place + next(iter(marks)), "marks that contradict each other", marks)
    if not (learnable and role == "assistant") and said == {True}:
        whose = "prompt" if role == "assistant" else role
        raise wrong(place + next(iter(marks)), f"a turn of the {whose}'s, which is never learned", marks)
    return role != "assistant" or (learnable and said != {False})


def _system(fields: Fields, turns: list[Message]) -> list[Message]:
    """The system turn that stands beside the others."""
    given = {name: text for name in _SYSTEM if (text := _optional(fields, name)) is not None}
    before = [one.content for one in turns[:1] if one.role == "system"]
    texts = dict.fromkeys([*before, *given.values()])
    if len(texts) > 1:
        name = list(given)[-1]
        raise wrong(name, "a second system text, and a conversation has one", given[name])
    return [] if before else [Message(role="system", content=text) for text in texts]


def _require_turns(field: str, messages: list[Message]) -> None:
    roles = [message.role for message in messages]
    spoken = roles[1:] if roles[0] == "system" else roles
    if not spoken or spoken[-1] != "assistant":
        raise wrong(field, "the conversation does not end with the assistant", roles)
    # A chat template may drop a turn that it does not expect, and the row would teach something else.
    if spoken != ["user", "assistant"] * (len(spoken) // 2):
        raise wrong(field, "user and assistant do not alternate", roles)


def _refuse(fields: Fields, refused: Mapping[str, Refusal], place: str = "") -> None:
    for name, value in fields.items():
        if name in refused and value not in _NOTHING:
            raise wrong(place + name, refused[name].problem, value, remedy=refused[name].remedy)


def _unread(fields: Fields, form: str) -> Iterator[str]:
    """Names of fields that nothing is made of; turns' behind the name of their list."""
    own = (name for marks, names in _OWN.items() if all(mark in fields for mark in marks) for name in names)
    read = (*_FORMS[form], *_ANY_FORM, *own)
    yield from (name for name, value in fields.items() if name not in read and value not in _NOTHING)
    for field in _FORMS[form]:
        for turn in fields[field] if isinstance(fields.get(field), list) else ():
            if isinstance(turn, Mapping):
                known = (*_names(turn, _usual(form)), *_MARKS)
                yield from (
                    f"{field}.{name}" for name in turn if name not in known and turn[name] not in _NOTHING
                )


def _list(value: Any, field: str, what: str) -> list[Any]:
    if not isinstance(value, list) or (not value and what == "turns"):
        raise wrong(field, f"not a list of {what}", value)
    return value


def _optional(fields: Fields, name: str) -> str | None:
    value = fields.get(name)
    if value is not None and not isinstance(value, str):
        raise wrong(name, "not a text", value)
    return value if value and value.strip() else None


def _required(fields: Fields, name: str, place: str) -> str:
    if name not in fields:
        raise wrong(place, "the field is missing")
    return _text(fields[name], place)


def _text(value: Any, place: str) -> str:
    if not isinstance(value, str):
        raise wrong(place, "not a text", value)
    if not value.strip():
        raise wrong(place, "empty or only white space", value)
    return value
