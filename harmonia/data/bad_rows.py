"""Bad rows of a file, told by the first of them."""

from __future__ import annotations

from collections.abc import Sequence

from harmonia.errors import InputError


def first_of(bad: Sequence[InputError], *, can_skip: bool = False) -> InputError:
    """The first of some bad rows, with how many more there are.

    `can_skip` adds how a command leaves them out.
    """
    further = len(bad) - 1
    if not further and not can_skip:
        return bad[0]
    told = {0: "No further row is bad", 1: "1 further row is bad"}.get(
        further, f"{further} further rows are bad"
    )
    if can_skip:
        told += f"; --on-bad-row skip (YAML: on_bad_row: skip) leaves {'them' if further else 'it'} out"
    return bad[0].but(remedy=f"{bad[0].remedy} {told}.")


def none_of(bad: Sequence[InputError]) -> InputError:
    """The first of a file's rows, which are all bad."""
    return bad[0].but(problem=f"none of the {len(bad)} rows can be used; the first: {bad[0].problem}")
