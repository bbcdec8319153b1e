"""Sequences whose values are made anew each time they are gone through: few are in memory at a time."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar, overload

S = TypeVar("S")
T = TypeVar("T")


class Remade(Sequence[T]):
    """A sequence that holds no values, but what they are made from."""

    @abstractmethod
    def at(self, row: int) -> T:
        """The value at a place from 0."""

    def picked(self, rows: Sequence[int]) -> Sequence[T]:
        """The values at these places, in the order given."""
        return tuple(map(self.at, rows))

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[T]: ...
    def __getitem__(self, index: int | slice) -> T | Sequence[T]:
        places = range(len(self))[index]
        return self.picked(places) if isinstance(places, range) else self.at(places)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or len(self) != len(other):
            return False
        return all(one == another for one, another in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]


class _Mapped(Remade[T]):
    """A function's values of each member of `of`, and then those of `more`, which are held."""

    def __init__(self, make: Callable[[Any], T], of: Remade[Any], more: Sequence[T]) -> None:
        self._make, self._of, self._more = make, of, more

    def __len__(self) -> int:
        return len(self._of) + len(self._more)

    def __iter__(self) -> Iterator[T]:
        yield from map(self._make, self._of)
        yield from self._more

    def at(self, row: int) -> T:
        made = len(self._of)
        return self._make(self._of.at(row)) if row < made else self._more[row - made]


def mapped(make: Callable[[S], T], of: Sequence[S], more: Sequence[T] = ()) -> Sequence[T]:
    """A function's values of each member, and then `more`; made anew each time if the members are."""
    return _Mapped(make, of, more) if isinstance(of, Remade) else (*map(make, of), *more)


def picked(of: Sequence[T], rows: Sequence[int]) -> Sequence[T]:
    """The members at these places, in the order given; made anew each time if the members are."""
    return of.picked(rows) if isinstance(of, Remade) else tuple(of[row] for row in rows)
