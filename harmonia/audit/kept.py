"""Verdicts as they are made, a block of rows at a time: noted on the disk, and read from there again."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, overload

from harmonia.audit.rows import AUDIT_ROWS, ROWS, AuditRow, write_rows
from harmonia.errors import InputError
from harmonia.journal import Progress
from harmonia.parsing import noted_in, parquet_schema
from harmonia.probe.ask import AskedCounts

BLOCK = 4096
"""Rows of a file that are in memory together."""

log = logging.getLogger(__name__)


class JudgedBlock(NamedTuple):
    """Verdicts on some rows, and what is to be told of the multiple choice among them."""

    rows: tuple[AuditRow, ...]
    asked: AskedCounts


class KeptRows(Sequence[AuditRow]):
    """The verdicts of an audit; with a journal one block of them is in memory at a time.

    Args:
        journal: A folder, where each finished block has a table; None to hold all.
    """

    def __init__(self, journal: Path | None) -> None:
        self._journal = journal
        self._held: list[AuditRow] = []
        self._tables: list[Path] = []
        self._size = 0

    def block(self, work: Callable[[Path | None], JudgedBlock]) -> JudgedBlock:
        """The next block; `work` makes it, given a folder for its notes, if it is not there already."""
        if self._journal is None:
            found = work(None)
            self._held += found.rows
        else:
            place = self._journal / f"block-{len(self._tables)}"
            found = _read(place) or _written(place, work(place / "unfinished"))
            self._tables.append(place)
        self._size += len(found.rows)
        return found

    @overload
    def __getitem__(self, index: int) -> AuditRow: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[AuditRow, ...]: ...
    def __getitem__(self, index: int | slice) -> AuditRow | tuple[AuditRow, ...]:
        return tuple(self)[index]

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[AuditRow]:
        yield from self._held
        for place in self._tables:
            yield from AUDIT_ROWS.read(place)


class Told:
    """How far an audit is, in rows; it grows by those that are asked a second time.

    Args:
        progress: Whom to tell.
        whole: Rows to be done.
    """

    def __init__(self, progress: Progress | None, whole: int) -> None:
        self._progress, self._whole = progress, whole
        self._done = self._again = 0

    def of(self, size: int) -> Progress | None:
        """Tells how far the next so many rows are."""
        start, self._done = self._done, self._done + size
        told = self._progress
        return told and (lambda done, of: told(start + size * done // of, self._whole))

    def more(self, rows: int) -> None:
        """Rows are to be asked again."""
        self._whole += rows
        self._again += rows

    def reach(self, rows: int) -> None:
        """So many rows are done."""
        self._done = rows + self._again
        if self._progress:
            self._progress(self._done, self._whole)


def _read(place: Path) -> JudgedBlock | None:
    """A block that was finished; None if there is none, or it is damaged."""
    if not (place / ROWS).is_file():
        return None
    try:
        asked = noted_in(parquet_schema(place / ROWS, what="the block"), place / ROWS)["asked"]
        return JudgedBlock(rows=AUDIT_ROWS.read(place), asked=AskedCounts(*asked))
    except (InputError, KeyError) as error:
        log.warning("a block of verdicts is damaged and is made again: %s", error)
        return None


def _written(place: Path, found: JudgedBlock) -> JudgedBlock:
    write_rows(place / ROWS, found.rows, {"asked": found.asked})
    shutil.rmtree(place / "unfinished", ignore_errors=True)
    return found
