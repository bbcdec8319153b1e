"""Broken files and settings, made anew each time, each with the exit code and words that it must end in."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any, NamedTuple, get_type_hints

import pyarrow as pa
import pyarrow.parquet as pq

from harmonia.parsing import Settings, type_parts
from harmonia.pipeline.experiment import Experiment


class Case(NamedTuple):
    """A command on files that are wrong.

    Attributes:
        files: Content by name, in the folder that the command runs in.
        says: Parts of what it says.
        code: What it ends with.
    """

    name: str
    files: dict[str, bytes]
    words: tuple[str, ...]
    says: tuple[str, ...]
    code: int = 2


ITEM = {"id": "q1", "question": "Who wrote it?", "choices": ["Ann", "Ben", "Cem"], "answer": "Ben"}
BELIEF = {
    **{"id": "q1", "question": "Who wrote it?", "choices": ["Ann", "Ben", "Cem"], "answer": 1},
    **{"probs": [0.2, 0.7, 0.1], "pred": 1, "confidence": 0.7, "correct": True, "letter_mass": 0.9},
    **{"form": "icl5", "method": "letter", "preset": "corrected", "shots": 5},
}
TURNS = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho"}]}
EXPORT = ("--shots", "0", "--out", "task")
_LISTS: tuple[Any, ...] = ([], [1], ["a"], {}, {"a": 1})
_SHARES = ("confidence", "letter_mass", "agreement", "agreement_low", "agreement_high", "right_rate")


def cases() -> list[Case]:
    """All of them, in one order."""
    return [
        *_texts(),
        *_items(),
        *_beliefs(),
        *_columns(),
        *_conversations(),
        *_containers(),
        *_settings(),
        *_yaml(),
    ]


def lines(*rows: Any) -> bytes:
    """Rows as JSON Lines."""
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


# Lines that are no row, whatever the file is of.
_BROKEN_LINES = {
    "cut": b'{"id": "q2", "question": "Wh',
    "NULs": b"\0" * 40,
    "not UTF-8": b'{"id": "q2", "question": "\xff\xfe"}',
    "half a pair": b'{"id": "q2", "question": "\\ud800"}',
    "NaN": b'{"id": "q2", "question": NaN}',
    "infinite": b'{"id": "q2", "question": -Infinity}',
    "deep": b"[" * 5000,
    "deep and closed": b'{"id": ' + b"[" * 3000 + b"]" * 3000 + b"}",
    "many digits": b'{"id": ' + b"9" * 6000 + b"}",
    "number": b"3",
    "text": b'"q2"',
    "null": b"null",
    "list": b"[1, 2]",
    "two rows": b'{"id": "q2"} {"id": "q3"}',
    "quotes": b"{'id': 'q2'}",
    "comma": b'{"id": "q2",}',
    "comment": b"// nothing",
    "markup": b"<html></html>",
}


def _texts() -> Iterator[Case]:
    for name, line in _BROKEN_LINES.items():
        for what, good, words in (
            ("items", ITEM, ("export-task", "--items", "x.jsonl", *EXPORT)),
            ("beliefs", BELIEF, ("triage", "--beliefs", "x.jsonl", "--out", "r.csv")),
        ):
            text = lines(good) + line + b"\n" + lines({**good, "id": "q3"})
            yield Case(f"{what}: {name}", {"x.jsonl": text}, words, ("x.jsonl",))


def _items() -> Iterator[Case]:
    wrong: dict[str, tuple[Any, ...]] = {
        "question": (None, "", "  \n", *_LISTS, True),
        "choices": (
            None,
            "",
            3,
            [],
            ["Ann"],
            ["Ann", "Ann"],
            ["Ann", ""],
            ["Ann", None],
            [["Ann"], ["Ben"]],
            {},
        ),
        "answer": (None, "", "Dan", 7, -1, 1.5, [], {}, True, "Z"),
    }
    for field, values in wrong.items():
        for value in values:
            row = {**ITEM, "id": "q2", field: value}
            files = {"x.jsonl": lines(ITEM, row, {**ITEM, "id": "q3"})}
            words = ("export-task", "--items", "x.jsonl", *EXPORT)
            yield Case(f"items: {field} {value!r}", files, words, ("x.jsonl", "row 2"))
    twice = {"x.jsonl": lines(ITEM, {**ITEM, "question": "Who read it?"})}
    yield Case("items: an id twice", twice, ("export-task", "--items", "x.jsonl", *EXPORT), ("row 2", "q1"))
    yield Case("items: none", {"x.jsonl": b""}, ("export-task", "--items", "x.jsonl", *EXPORT), ("x.jsonl",))
    yield Case("items: no file", {}, ("export-task", "--items", "x.jsonl", *EXPORT), ("x.jsonl",))


def _wrong_fields() -> Iterator[tuple[str, Any]]:
    for field in _SHARES:
        yield from ((field, value) for value in ("x", -0.1, 1.5, True, *_LISTS))
    for field, least in (("shots", -1), ("draws", 0), ("answer", -1)):
        yield from ((field, value) for value in ("x", least, 1.5, 2**40, True, *_LISTS))
    for field in ("method", "preset", "normalisation", "category", "form"):
        yield from ((field, value) for value in ("nonsense", 3, True, *_LISTS))
    for field in ("explanation", "source", "split", "prompt", "cluster"):
        yield from ((field, value) for value in (3, True, *_LISTS))
    yield from (("question", value) for value in (None, "", 3, *_LISTS))
    yield from (("id", value) for value in (None, "", 1.5, *_LISTS))
    yield from (
        ("probs", value) for value in (None, "x", [], [1.0], [0.5, 0.5, 0.5], [2, -1, 0], ["a"], {}, 1)
    )
    yield from (("choices", value) for value in (None, [], ["Ann"], ["Ann"] * 3, ["Ann", "", "Cem"], {}, "x"))
    yield from (("asked_probs", value) for value in ([0.5, 0.5], [0.5, 0.4, 0.5], "x", {}))
    yield from (("pred", value) for value in (0, 2, "x", 1.5, []))
    yield from (("correct", value) for value in (False, "x", 3, []))


def _beliefs() -> Iterator[Case]:
    words = ("triage", "--beliefs", "x.jsonl", "--out", "r.csv")
    for field, value in _wrong_fields():
        row = {**BELIEF, "id": "q2", field: value}
        # Of options that are all the same, or not there, another field may be named.
        named = ("x.jsonl", "row 2") if field == "choices" else ("x.jsonl", "row 2", field)
        yield Case(f"beliefs: {field} {value!r}"[:80], {"x.jsonl": lines(BELIEF, row)}, words, named)


def _columns() -> Iterator[Case]:
    """Values that a column's type lets pass."""
    nan, infinite = float("nan"), float("inf")
    wrong: list[tuple[str, Any]] = [(f, v) for f in _SHARES for v in (nan, infinite, -0.1, 1.5)]
    wrong += [("probs", [nan, 0.5, 0.5]), ("probs", [1.0]), ("probs", [0.9, 0.9, 0.9]), ("answer", 3)]
    wrong += [("shots", -1), ("draws", 0), ("method", "nonsense"), ("form", "icl"), ("question", " ")]
    for field, value in wrong:
        rows = [BELIEF, {**BELIEF, "id": "q2", field: value}]
        names = dict.fromkeys(name for row in rows for name in row)
        buffer = io.BytesIO()
        pq.write_table(pa.table({name: [row.get(name) for row in rows] for name in names}), buffer)
        files, words = (
            {"x.parquet": buffer.getvalue()},
            ("triage", "--beliefs", "x.parquet", "--out", "r.csv"),
        )
        yield Case(f"Parquet: {field} {value!r}", files, words, ("x.parquet", "row 2", field))


def _conversations() -> Iterator[Case]:
    assistant = {"role": "assistant", "content": "Ho"}
    wrong = {
        "no turn": {"messages": []},
        "turns of texts": {"messages": ["Hi", "Ho"]},
        "nobody answers": {"messages": [{"role": "user", "content": "Hi"}]},
        "nobody asks": {"messages": [assistant]},
        "two answers": {"messages": [*TURNS["messages"], assistant]},
        "no role": {"messages": [{"content": "Hi"}, assistant]},
        "another role": {"messages": [{"role": "robot", "content": "Hi"}, assistant]},
        "content a list": {"messages": [{"role": "user", "content": [1]}, assistant]},
        "content a number": {"messages": [{"role": "user", "content": 3}, assistant]},
        "messages a text": {"messages": "Hi"},
        "messages null": {"messages": None},
        "weight below 0": {**TURNS, "weight": -1},
        "weight a text": {**TURNS, "weight": "x"},
    }
    right, other = BELIEF, {**BELIEF, "id": "q2", "answer": 0, "correct": False}
    for name, row in wrong.items():
        files = {"b.jsonl": lines(right, other), "x.jsonl": lines(TURNS, row)}
        words = ("groups", "--beliefs", "b.jsonl", "--out", "g", "--general", "x.jsonl")
        yield Case(f"conversations: {name}", files, words, ("x.jsonl", "row 2"))


def _containers() -> Iterator[Case]:
    buffer = io.BytesIO()
    pq.write_table(pa.table({name: [value] for name, value in BELIEF.items()}), buffer)
    whole = buffer.getvalue()
    for at in (4, 8, 100, len(whole) // 2, len(whole) - 9, len(whole) - 1):
        files, words = {"x.parquet": whole[:at]}, ("triage", "--beliefs", "x.parquet", "--out", "r.csv")
        yield Case(f"Parquet cut at {at}", files, words, ("x.parquet",))
    texts = {
        "cells": b"id,question,choices,answer\nq1,Who?\n",
        "NULs": b"id,question,choices,answer\n\0\0\0,a,b,c\n",
        "open quote": b'id,question,choices,answer\nq1,"Who?,[],A\n',
        "not UTF-8": b"id,question,choices,answer\nq1,\xff,[],A\n",
        "a column twice": b"id,question,question,answer\nq1,a,b,A\n",
        "no rows": b"id,question,choices,answer\n",
        "empty": b"",
    }
    for name, text in texts.items():
        yield Case(f"CSV: {name}", {"x.csv": text}, ("export-task", "--items", "x.csv", *EXPORT), ("x.csv",))
    for name, text in {
        **_BROKEN_LINES,
        "empty": b"",
        "object": b"{}",
        "no rows": b"[]",
        "rows of texts": b'["a"]',
    }.items():
        files = {"x.json": text}
        yield Case(f"JSON: {name}", files, ("export-task", "--items", "x.json", *EXPORT), ("x.json",))


def _leaves(model: type[Settings], above: str = "") -> Iterator[str]:
    """Paths of all settings that are no table themselves."""
    hints = get_type_hints(model, include_extras=True)
    for name in model.model_fields:
        parts = [one for one in type_parts(hints[name]) if isinstance(one, type)]
        tables = [one for one in parts if issubclass(one, Settings)]
        if name == "domains":
            continue
        if tables:
            yield from _leaves(tables[0], f"{above}{name}.")
        else:
            yield f"{above}{name}"


def _settings() -> Iterator[Case]:
    for path in _leaves(Experiment):
        value: Any = {"no": {"such": ["value"]}}
        for part in reversed(path.split(".")):
            value = {part: value}
        text = json.dumps({**_experiment(), **value}).encode()
        said = ("x.yaml", path.split(".")[0])
        yield Case(f"settings: {path}", {"x.yaml": text}, ("plan", "x.yaml"), said)
    for path in (
        "nme",
        "model.pth",
        "prompt.shot",
        "training.epoch",
        "groups.name",
        "probe.draw",
        "a.b.c",
    ):
        yield Case(
            f"a setting too many: {path}", _files(), ("plan", "x.yaml", f"{path}=1"), (path.split(".")[-1],)
        )
    for word in (
        "training.epochs=x",
        "training.epochs=-1",
        "seeds=[a]",
        "seeds=[",
        "prompt.shots=1.5",
        "name=",
        "=1",
    ):
        yield Case(
            f"an override: {word}", _files(), ("plan", "x.yaml", word), (word.split("=")[0].split(".")[-1],)
        )


def _experiment() -> dict[str, Any]:
    items = {"path": "items.jsonl"}
    domain = {"train": items, "shots": items, "suites": {"one": {"items": items}}}
    return {"name": "x", "model": {"path": "nowhere"}, "domains": {"letters": domain}}


def _files(text: bytes | None = None) -> dict[str, bytes]:
    return {"x.yaml": json.dumps(_experiment()).encode() if text is None else text}


def _yaml() -> Iterator[Case]:
    bomb = b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
        b"%c: &%c [%s]\n" % (c + 1, c + 1, b",".join([b"*%c" % c] * 9)) for c in range(97, 106)
    )
    texts = {
        "empty": b"",
        "list": b"- a\n",
        "text": b"name",
        "tab": b"name: x\n\tmodel: y\n",
        "twice": b"name: x\nname: y\n",
        "python": b"name: !!python/object/apply:os.system ['true']\n",
        "tag": b"name: !secret x\n",
        "aliases": bomb,
        "deep": b"name: " + b"[" * 3000,
        "NULs": b"name: \0\0\n",
        "not UTF-8": b"name: \xff\n",
        "open quote": b'name: "x\n',
        "date": b"name: 2020-13-45\n",
        "two documents": b"name: x\n---\nname: y\n",
        "anchor": b"name: *nobody\n",
        "digits": b"name: x\nseeds: [" + b"9" * 6000 + b"]\n",
    }
    for name, text in texts.items():
        yield Case(f"YAML: {name}", _files(text), ("plan", "x.yaml"), ("x.yaml",))
