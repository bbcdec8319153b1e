"""Which row of a file had an id first, and what it taught: 32 bytes a row at most."""

from __future__ import annotations

import hashlib
from array import array

_LEAST = 1024


class SeenRows:
    """Ids of rows that were seen, in a hash table (open addressing, at most half full)."""

    def __init__(self) -> None:
        self._count = 0
        self._make(_LEAST)

    def first(self, name: str, taught: str, line: int) -> tuple[int, bool]:
        """The line, from 1, of the first row of an id, and whether that row teaches the same.

        Args:
            name: The id.
            taught: Hash of what the row teaches.
            line: Its line, which is noted if the id is new.
        """
        key, said = _digest(name, 8), _digest(taught, 4)
        place = self._place(key)
        if not self._lines[place]:
            self._keys[place], self._taught[place], self._lines[place] = key, said, line
            self._count += 1
            if 2 * self._count > len(self._keys):
                self._grow()
            return line, True
        return self._lines[place], self._taught[place] == said

    def _place(self, key: int) -> int:
        last = len(self._keys) - 1
        place = key & last
        while self._lines[place] and self._keys[place] != key:
            place = (place + 1) & last
        return place

    def _make(self, size: int) -> None:
        self._keys, self._taught, self._lines = (array(kind, [0]) * size for kind in "QII")

    def _grow(self) -> None:
        held = self._keys, self._taught, self._lines
        self._make(2 * len(self._keys))
        for key, said, line in zip(*held, strict=True):
            if line:
                place = self._place(key)
                self._keys[place], self._taught[place], self._lines[place] = key, said, line


def _digest(text: str, size: int) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=size).digest(), "big")
