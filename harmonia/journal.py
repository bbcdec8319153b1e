"""Journals of finished work: lines of JSON that are only added to, each with its own checksum.

`Chunks` does long work a chunk at a time and takes up what a journal holds of it.

What an interruption or a power cut leaves of a line, and what was damaged later, is known
by the checksum: that work is done again, and no other.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter

from harmonia.errors import InputError
from harmonia.files import disk_told, sync, write_text
from harmonia.hashing import sha256_json
from harmonia.parsing import parse_json

Thing = TypeVar("Thing")
Result = TypeVar("Result")
Progress = Callable[[int, int], None]
"""Called with (things done, things in all)."""

log = logging.getLogger(__name__)


class Chunks:
    """Work done a chunk at a time, each noted when it is finished.

    Args:
        journal: The notes; what they hold is not done again. None notes nothing.
        progress: Told how far it is.
        others: Notes of the same work by others, which are read only.
        only: (pass, place of the first thing) of the chunks that are to be done; None for all.
    """

    def __init__(
        self,
        journal: Path | None = None,
        progress: Progress | None = None,
        others: Iterable[Path] = (),
        only: Collection[tuple[int, int]] | None = None,
    ) -> None:
        self._journal, self._progress, self._only = journal, progress, only
        entries = (entry for one in (*others, journal) for entry in noted(one))
        self._done = {_place(entry): entry["found"] for entry in entries if "found" in entry}

    def results(
        self,
        work: Callable[[int, Sequence[Thing]], list[Result]],
        things: Sequence[Thing],
        size: int,
        kind: type[Result],
        *,
        draw: int = 0,
        draws: int = 1,
    ) -> list[Result]:
        """One result a thing, in order; of the chunks that are to be done.

        `work` is given the place of a chunk's first thing, and the chunk. The caller fixes `size`, so that
        batches fall alike in a run and in its resume. By `kind` JSON becomes a result again. This is
        the `draw`-th of several passes over the things.
        """
        stored = TypeAdapter(kind)
        found: list[Result] = []
        for start in range(0, len(things), size):
            if self._only is not None and (draw, start) not in self._only:
                continue
            place = {"draw": draw, "start": start}
            if (done := self._done.get(_place(place))) is not None:
                found += map(stored.validate_python, done)
            else:
                new = work(start, things[start : start + size])
                values = [stored.dump_python(one, mode="json") for one in new]
                note(self._journal, {**place, "found": values})
                found += new
            if self._progress:
                self._progress(draw * len(things) + len(found), draws * len(things))
        return found

    def holds(self, draw: int, start: int) -> bool:
        """Whether the chunk of the `draw`-th pass that begins at `start` is noted."""
        return _place({"draw": draw, "start": start}) in self._done


def _place(entry: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted((name, value) for name, value in entry.items() if name != "found"))


def note(journal: Path | None, entry: Mapping[str, Any]) -> None:
    """Add an entry, safe from a power cut; without a journal nothing is noted."""
    if journal is None:
        return
    with disk_told(journal):
        journal.parent.mkdir(parents=True, exist_ok=True)
        with journal.open("a+b") as handle:
            handle.seek(max(handle.seek(0, os.SEEK_END) - 1, 0))
            if handle.read() not in (b"", b"\n"):
                # A line that was cut short is not one to grow onto.
                handle.seek(0)
                handle.truncate(handle.read().rfind(b"\n") + 1)
            written = handle.write(_line(entry).encode())
            handle.flush()
            os.fsync(handle.fileno())
            is_new = handle.tell() == written
        if is_new:
            sync(journal.parent)


def noted(journal: Path | None) -> list[dict[str, Any]]:
    """The entries of a journal.

    A last line cut short by an interruption is passed over. So are damaged ones, which is told.
    """
    if journal is None or not journal.exists():
        return []
    *lines, _ = journal.read_bytes().split(b"\n")
    found = [_entry(line, journal) for line in lines]
    if damaged := found.count(None):
        log.warning("%s: %d of %d lines are damaged; that work is done again", journal, damaged, len(found))
    return [entry for entry in found if entry is not None]


def write_notes(journal: Path, entries: Iterable[Mapping[str, Any]]) -> None:
    """Write a journal anew in one step."""
    write_text(journal, "".join(map(_line, entries)))


def _line(entry: Mapping[str, Any]) -> str:
    return json.dumps({"sha256": sha256_json(entry), **entry}, ensure_ascii=False, allow_nan=False) + "\n"


def _entry(line: bytes, journal: Path) -> dict[str, Any] | None:
    """The entry of a line; None if it is not as it was written."""
    try:
        entry: Any = parse_json(line, file=journal)
        return entry if entry.pop("sha256") == sha256_json(entry) else None
    except (InputError, KeyError, TypeError, AttributeError):
        return None
