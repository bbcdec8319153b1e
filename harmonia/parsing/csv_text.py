"""CSV."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import TextIO

from harmonia.parsing.json_text import MAX_LINE_BYTES

_NO_ROW = ',"a"a\n'
"""Behind any part of a line, quoted or not, this is an error."""


class CsvRows:
    """The rows of a file of CSV, strictly; a cell may be as long as a line.

    A row that cannot be read is a `csv.Error`, behind which reading can go on.

    Args:
        handle: The file, opened with `newline=""`.
    """

    def __init__(self, handle: TextIO) -> None:
        # Of the whole process. At the usual 128 KiB a cell without end would end, and rows be lost unseen.
        csv.field_size_limit(MAX_LINE_BYTES)
        self._handle, self._too_long = handle, False
        self._rows = csv.reader(self._lines(), strict=True)

    @property
    def line_num(self) -> int:
        """Lines read."""
        return self._rows.line_num

    def __iter__(self) -> Iterator[list[str]]:
        return self

    def __next__(self) -> list[str]:
        self._too_long = False
        try:
            return next(self._rows)
        except csv.Error as error:
            told = f"a line of more than {MAX_LINE_BYTES:,} characters" if self._too_long else str(error)
            raise csv.Error(told) from error

    def _lines(self) -> Iterator[str]:
        while line := self._handle.readline(MAX_LINE_BYTES):
            rest = line
            while len(rest) == MAX_LINE_BYTES and not rest.endswith(("\n", "\r")):
                self._too_long = True
                rest = self._handle.readline(MAX_LINE_BYTES)
            yield line[:8] + _NO_ROW if self._too_long else line
