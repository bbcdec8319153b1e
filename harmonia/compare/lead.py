"""A comparison in a few sentences: for the page, the screen and Python."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from harmonia.compare.result import Found
from harmonia.compare.tables import CategoryAfter, ConflictCost, SuiteComparison, SuiteLosses
from harmonia.numbers import counted
from harmonia.probe.stability import wilson
from harmonia.report.words import between, listed, method_words, over_95, p_value, percent, points, reach

UNTOLD = (
    "This is an association in one training: what harmed all facts alike shows in no category, and only "
    "a second training without these rows tells what they cost."
)


def lead_of(found: Found, *, suites: bool = True) -> list[str]:
    """What to know first, a sentence each; the first is the finding in short.

    `suites` says whether each suite has its figures by each method, which a page has in a table.
    """
    return [
        *_finding([one for one in found.compared if one.readout == found.compared[0].readout]),
        *(map(_suite, found.compared) if suites else ()),
        *map(_lost, found.lost),
        *_facts(found),
        *_fitted(found.rows),
        *(_cost(found.cost) if found.cost else ()),
    ]


_SAME = "The same questions are right after as before"
_DIRECTIONS = (
    "Fewer are right after than before",
    "More are right after than before",
    "It cannot be told whether more or fewer are right after than before",
    _SAME,
)


def _finding(compared: Sequence[SuiteComparison]) -> Iterator[str]:
    """On which suites fewer or more are right, or it cannot be told; and how many known are lost."""
    found: dict[str, list[str]] = {}
    lost = []
    for one in compared:
        on = f"on {one.suite}" if len(compared) > 1 or one.suite != "items" else ""
        said = _direction(one)
        figures = "" if said == _SAME else f"({_change(one)})"
        found.setdefault(said, []).append(f"{on} {figures}".strip())
        if of := one.known_kept + one.known_lost:
            lost.append(f"{one.known_lost} of {of} {on}".strip())
    if parts := [f"{which} {listed(found[which])}".strip() for which in _DIRECTIONS if which in found]:
        yield "; ".join((parts[0], *(part[0].lower() + part[1:] for part in parts[1:]))) + "."
    if lost:
        yield f"Lost of what was known before: {listed(lost)}."


def _direction(one: SuiteComparison) -> str:
    low, high = one.accuracy_change_low, one.accuracy_change_high
    return _SAME if low == high == 0 else _DIRECTIONS[0 if high < 0 else 1 if low > 0 else 2]


def _change(one: SuiteComparison) -> str:
    interval = over_95(between(one.accuracy_change_low, one.accuracy_change_high))
    return f"{points(100 * one.accuracy_change)} points; {interval}"


def _suite(one: SuiteComparison) -> str:
    of = one.known_kept + one.known_lost
    lost = one.known_lost
    known = f"Of {of} known before, {lost} {_are_lost(lost)}." if of else "None was known before."
    return (
        f"{one.suite}, {method_words(one.readout)}: {percent(one.accuracy_before)} of "
        f"{counted(one.n, 'question')} are right before, {percent(one.accuracy_after)} after "
        f"({_change(one)}; McNemar p {p_value(one.p)}); {one.kept} kept, {one.lost} lost, "
        f"{one.gained} gained. {known}"
    )


def _are_lost(number: int) -> str:
    return "is lost" if number == 1 else "are lost"


def _lost(one: SuiteLosses) -> str:
    return (
        f"{one.suite}: of {one.right_before} right before {method_words(one.readout)} and "
        f"{method_words(one.other)}, {one.readout_lost} lost the readout alone, {one.knowledge_lost} "
        f"{_are_lost(one.knowledge_lost)} in both."
    )


def _facts(found: Found) -> Iterator[str]:
    if not found.facts:
        return
    known = [one for one in found.facts if one.before == "known"]
    if not known:
        yield f"Facts in words: none of {len(found.facts)} is known to the model before."
        return
    lost = [one for one in known if one.outcome == "lost"]
    low, high = wilson(len(lost), len(known))
    now = Counter(one.after for one in lost)
    what = ", ".join(f"{count} {name}" for name, count in now.most_common())
    yield (
        f"Facts in words: of {len(known)} known before, {len(lost)} {_are_lost(len(lost))} "
        f"(95 %: {reach(low, high)}){f', now {what}' if lost else ''}."
    )


def _fitted(rows: tuple[CategoryAfter, ...]) -> Iterator[str]:
    for one in rows:
        if one.category in ("known", "conflicting", "unknown"):
            ends = f"95 %: {reach(one.says_after_low, one.says_after_high)}"
            yield (
                f"Rows called {one.category}: the model says the answers of {percent(one.says_before)} "
                f"before, of {percent(one.says_after)} after ({ends}; {one.rows} asked)."
            )


def _cost(one: ConflictCost) -> Iterator[str]:
    if one.difference is None or one.difference_low is None or one.difference_high is None:
        yield (
            f"{one.near_known} known facts have a conflicting row as their nearest, {one.other_known} "
            f"another: too few to tell whether conflicting rows cost knowledge. {UNTOLD}"
        )
        return
    ends = f"95 %: {between(one.difference_low, one.difference_high)} points"
    said = (
        "are lost more often than" if one.difference_low > 0 else "are not shown to be lost more often than"
    )
    if one.difference_high < 0:
        said = "are lost less often than"
    yield (
        f"Known facts nearest to a conflicting row {said} the others: {one.near_lost} of {one.near_known} "
        f"against {one.other_lost} of {one.other_known} ({ends}; Fisher p {p_value(one.p)}). {UNTOLD}"
    )
