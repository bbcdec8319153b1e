"""How numbers of things are written, on pages and in notes."""

from __future__ import annotations


def count(value: int) -> str:
    """A whole number with thousands set apart."""
    return f"{value:,}".replace(",", "\u202f")


def counted(number: int, one: str, many: str = "") -> str:
    """A number of things: `1 seed`, `200 questions`; `many` where that is not `one` with an s."""
    return f"{count(number)} {one if number == 1 else many or f'{one}s'}"
