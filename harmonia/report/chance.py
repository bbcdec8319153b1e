"""What to be warned of before believing any of it: accuracies that guessing would give, too."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harmonia.analysis.tables import ResultRow
from harmonia.groups.names import BASE
from harmonia.report.words import in_group_order, listed, percent, plain, reach, together

LITTLE = (
    "What a model at chance answers is hardly knowledge: known, conflicting and uncertain mean little then."
)


def chance_warnings(results: Iterable[ResultRow]) -> list[str]:
    """A sentence on all suites and forms in which the same models answer no better than guessing."""
    on_suite: dict[tuple[str, str], list[ResultRow]] = {}
    for rows in together(results, "suite", "form"):
        if guessing := [row for row in rows if row.at_chance]:
            who = _who(in_group_order(row.group for row in guessing), {row.group for row in rows})
            on_suite.setdefault((who, rows[0].suite), []).extend(guessing)
    alike: dict[tuple[str, tuple[str, ...]], list[ResultRow]] = {}
    for (who, _), rows in on_suite.items():
        alike.setdefault((who, tuple(dict.fromkeys(row.form for row in rows))), []).extend(rows)
    warnings = [
        guessed(
            f"{who} cannot",
            f"{listed(dict.fromkeys(plain(row.suite) for row in rows))} questions asked as {listed(forms)}",
            [row.accuracy for row in rows],
            [row.chance for row in rows],
        )
        for (who, forms), rows in alike.items()
    ]
    return (
        [*warnings, LITTLE] if any(row.group == BASE for rows in alike.values() for row in rows) else warnings
    )


def guessed(who: str, what: str, shares: Sequence[float], chances: Sequence[float]) -> str:
    """The sentence on who (`the model cannot`) answers no more of some questions than guessing would."""
    low, high = min(shares), max(shares)
    right = percent(low) if percent(low) == percent(high) else reach(low, high)
    chance = listed(dict.fromkeys(map(percent, sorted(chances))))
    return f"{who} be told from guessing on {what} ({right} right; chance {chance})."


def _who(groups: Sequence[str], everyone: set[str]) -> str:
    if len(everyone) > 1 and everyone <= set(groups):
        return "The base model and all tuned ones" if BASE in groups else "All tuned models"
    tuned = [plain(group) for group in groups if group != BASE]
    models = f"models tuned on {listed(tuned)} rows" if tuned else ""
    said = " and ".join(one for one in ("the base model" if BASE in groups else "", models) if one)
    return said[0].upper() + said[1:]
