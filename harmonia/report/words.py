"""The order and the plain words of groups, suites and forms, and how numbers are written."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from itertools import groupby
from operator import attrgetter
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any, TypeVar

from harmonia.groups.names import GroupName
from harmonia.types import SUITES

Row = TypeVar("Row")

GROUPS = (
    *("base", "harmonious", "incompatible", "self_aligning", "contextualised"),
    *("general_only", "random_wrong", "permuted"),
)
ABSENT = "–"
NO_INTERVAL = "no interval"
MINUS = "−"

_PLAIN = {"in_domain": "in-domain", "out_of_domain": "out-of-domain", "self_aligning": "self-aligning"}

_READOUTS = {
    "letter": "letters",
    "cloze": "in words",
    "letter_cyclic": "cyclic letters",
    "letter_pride": "letters without prior",
}


def plain(name: str) -> str:
    """A group's or a suite's name in plain words."""
    return _PLAIN.get(name, name.replace("_", " "))


def ratio_of(group: str) -> float | None:
    """Share of self-aligned rows in a `mixed` group; None for another group."""
    return GroupName.parse(group).ratio


def _group_place(group: str) -> tuple[int, float, str]:
    ratio = ratio_of(group)
    known = GROUPS.index(group) if group in GROUPS else len(GROUPS) + (ratio is None)
    return known, ratio or 0.0, group


def _suite_place(suite: str) -> tuple[int, str]:
    return SUITES.index(suite) if suite in SUITES else len(SUITES), suite


def _form_place(form: str) -> tuple[bool, int, str]:
    shots = re.fullmatch(r"icl(\d+)", form)
    return shots is None, int(shots[1]) if shots else 0, form


_PLACES: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("group", "left"), _group_place),
    **dict.fromkeys(("form", "other_form", "before_form", "after_form"), _form_place),
    **{"suite": _suite_place, "seed": lambda seed: -1 if seed is None else seed},
}


def in_group_order(groups: Iterable[str]) -> list[str]:
    """Base first, then as the method names them, mixed groups by ratio, others by name."""
    return sorted(set(groups), key=_group_place)


def in_suite_order(suites: Iterable[str]) -> list[str]:
    """From the nearest to the training data to the farthest, then others by name."""
    return sorted(set(suites), key=_suite_place)


def in_form_order(forms: Iterable[str]) -> list[str]:
    """Raw prompts by their number of shots, then chat, then others by name."""
    return sorted(set(forms), key=_form_place)


def in_order(rows: Iterable[Row], *columns: str) -> list[Row]:
    """Rows by the values of columns, groups, suites, forms and seeds in their own order."""
    return sorted(rows, key=lambda row: [_PLACES.get(name, _itself)(getattr(row, name)) for name in columns])


def together(rows: Iterable[Row], *columns: str) -> list[list[Row]]:
    """Rows that have the same in columns, and these in order; those with the same stay as they were."""
    alike = groupby(in_order(rows, *columns), attrgetter(*columns))
    return [list(same) for _, same in alike]


def _itself(value: Any) -> Any:
    return value


def method_words(readout: str) -> str:
    """How answers were read out, in plain words: `in words`, `by letters`."""
    return f"{'' if readout == 'cloze' else 'by '}{_READOUTS[readout]}"


def asked_by(form: str, readout: str) -> str:
    """A form and a method in plain words: `chat0, in words`; `icl5, letters`."""
    return f"{form}, {_READOUTS[readout]}"


def percent(share: float | None) -> str:
    """A share of 1 in percent, one decimal, or a dash."""
    return ABSENT if share is None else f"{100 * share:.1f}\u00a0%"


def reach(low: float, high: float) -> str:
    """The ends of an interval of shares of 1, in percent: `3.7 to 8.1 %`."""
    return f"{100 * low:.1f} to {percent(high)}"


def ends(low: float, high: float, written: str) -> str:
    """The ends of an interval as they are written; one without width is none: all is alike."""
    return written if low < high else NO_INTERVAL


def beginning(text: str, longest: int) -> str:
    """A text, or so many of its characters and an ellipsis."""
    return text if len(text) <= longest else f"{text[:longest]} ..."


def points(difference: float) -> str:
    """A difference in percentage points with its sign, one decimal."""
    rounded = round(difference, 1)
    sign = "+" if rounded > 0 else MINUS if rounded < 0 else ""
    return f"{sign}{abs(rounded):.1f}"


def between(low: float, high: float) -> str:
    """The ends of an interval of a difference of shares, in percentage points."""
    return ends(low, high, f"{points(100 * low)} to {points(100 * high)}")


def decimals(low: float, high: float) -> str:
    """The ends of an interval of any other measure, three decimals each."""
    return ends(low, high, f"{decimal(low)} to {decimal(high)}")


def over_95(written: str) -> str:
    """The 95 % interval in the brackets of a sentence: `95 %: −1.0 to 3.0`, or that there is none."""
    return written if written == NO_INTERVAL else f"95 %: {written}"


def p_value(value: float | None) -> str:
    """A p-value with three decimals, `< 0.001`, or a dash."""
    return ABSENT if value is None else "< 0.001" if value < 0.001 else f"{value:.3f}"


def decimal(value: float) -> str:
    """A number with three decimals and a real minus sign."""
    text = f"{value:.3f}"
    return text.replace("-", "" if float(text) == 0 else MINUS)


def seed_of(seed: int | None) -> str:
    """A seed as a cell shows it."""
    return ABSENT if seed is None else str(seed)


def listed(parts: Iterable[str]) -> str:
    """Parts as `a, b and c`."""
    *most, last = parts
    return f"{', '.join(most)} and {last}" if most else last


def short_hash(text: str | None) -> str:
    """The first twelve characters of a hash, or a dash."""
    return text[:12] if text else ABSENT


def portable(path: str) -> str:
    """A relative path or a hub id as it is, of an absolute path only its last part."""
    windows, posix = PureWindowsPath(path), PurePosixPath(path)
    if windows.is_absolute():
        return windows.name
    return posix.name if posix.is_absolute() or path.startswith("~") else path
