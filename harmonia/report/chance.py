"""What to be warned of before believing any of it: accuracies that guessing would give, too."""

from __future__ import annotations

from collections.abc import Iterable

from harmonia.analysis.tables import ResultRow
from harmonia.groups.names import BASE
from harmonia.report.words import in_form_order, in_group_order, listed, percent, plain


def chance_warnings(results: Iterable[ResultRow]) -> list[str]:
    """A sentence for the base model and each training set of which some accuracy is that of guessing."""
    rows = list(results)
    guessed = [row for row in rows if row.at_chance]
    warnings = []
    for group in in_group_order(row.group for row in guessed):
        for form in in_form_order(row.form for row in guessed if row.group == group):
            asked = [row for row in rows if (row.group, row.form) == (group, form)]
            here = [row for row in asked if row.at_chance]
            if here:
                warnings.append(_sentence(group, form, here, len(asked)))
    if any(row.group == BASE for row in guessed):
        warnings.append(
            "What a model at chance answers is hardly knowledge: known, conflicting and uncertain mean "
            "little then."
        )
    return warnings


def _sentence(group: str, form: str, here: list[ResultRow], asked: int) -> str:
    low, high = min(row.accuracy for row in here), max(row.accuracy for row in here)
    shares = percent(low) if percent(low) == percent(high) else f"{percent(low)} to {percent(high)}"
    who = "The base model" if group == BASE else f"The model tuned on {plain(group)} rows"
    chance = listed(dict.fromkeys(percent(row.chance) for row in here))
    where = f"in {len(here)} of {asked} suites and seeds" if len(here) < asked else "wherever it was asked"
    return f"{who} cannot be told from guessing in the form {form} {where} ({shares} right; chance {chance})."
