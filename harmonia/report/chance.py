"""What to be warned of before believing any of it: accuracies that guessing would give, too."""

from __future__ import annotations

from collections.abc import Iterable

from harmonia.analysis.tables import ResultRow
from harmonia.groups.names import BASE
from harmonia.report.words import in_form_order, in_group_order, listed, percent, plain, reach

LITTLE = (
    "What a model at chance answers is hardly knowledge: known, conflicting and uncertain mean little then."
)


def chance_warnings(results: Iterable[ResultRow]) -> list[str]:
    """A sentence for each suite on which a model answers as many rightly as guessing would, and its forms."""
    rows = list(results)
    forms: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for suite in dict.fromkeys(row.suite for row in rows):
        for form in in_form_order(row.form for row in rows):
            guessed = (row.group for row in rows if (row.suite, row.form) == (suite, form) and row.at_chance)
            if groups := tuple(in_group_order(guessed)):
                forms.setdefault((suite, groups), []).append(form)
    warnings = [_sentence(rows, *asked, here) for asked, here in forms.items()]
    return [*warnings, LITTLE] if any(BASE in groups for _, groups in forms) else warnings


def guessed(who: str, what: str, shares: str, chance: str) -> str:
    """The sentence on who (`the model cannot`) answers no more of some questions than guessing would."""
    return f"{who} be told from guessing on {what} ({shares} right; chance {chance})."


def _sentence(rows: list[ResultRow], suite: str, groups: tuple[str, ...], forms: list[str]) -> str:
    here = [row for row in rows if row.at_chance and row.suite == suite and row.form in forms]
    low, high = min(row.accuracy for row in here), max(row.accuracy for row in here)
    shares = percent(low) if percent(low) == percent(high) else reach(low, high)
    chance = listed(dict.fromkeys(percent(row.chance) for row in here))
    everyone = {row.group for row in rows if row.suite == suite and row.form in forms}
    asked = f"{plain(suite)} questions in the form{'s' if len(forms) > 1 else ''} {listed(forms)}"
    return guessed(f"{_who(groups, everyone)} cannot", asked, shares, chance)


def _who(groups: tuple[str, ...], everyone: set[str]) -> str:
    if len(everyone) > 1 and everyone <= set(groups):
        return "The base model and all tuned ones" if BASE in groups else "All tuned models"
    tuned = [plain(group) for group in groups if group != BASE]
    models = f"models tuned on {listed(tuned)} rows" if tuned else ""
    said = " and ".join(one for one in ("the base model" if BASE in groups else "", models) if one)
    return said[0].upper() + said[1:]
