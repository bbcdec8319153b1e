"""The report's tables, each a list of columns."""

from __future__ import annotations

from collections.abc import Callable

from harmonia.report.compare import CLAIMS, Claim, difference
from harmonia.report.grid import grids
from harmonia.report.records import AnswerToken, DataFile, Group, Result, RunFiles
from harmonia.report.table import Column, Entry, Table, build
from harmonia.report.words import (
    ABSENT,
    count,
    in_form_order,
    in_group_order,
    listed,
    percent,
    plain,
    points,
    portable,
    short_hash,
)

__all__ = [
    "accuracy_tables",
    "claims_table",
    "data_table",
    "group_tables",
    "letters_table",
]


def accuracy_tables(run: RunFiles) -> list[Table]:
    """One table a domain: models by suite and form."""
    return grids(run.results, "share of questions answered right", _accuracy)


def _accuracy(row: Result) -> Entry:
    interval = f"{100 * row.accuracy_low:.1f} to {100 * row.accuracy_high:.1f}"
    macro = [] if row.accuracy_macro is None else [f"macro {percent(row.accuracy_macro)}"]
    return Entry(text=percent(row.accuracy), small=(interval, *macro, f"n = {count(row.n)}"))


def group_tables(run: RunFiles) -> list[tuple[str, Table]]:
    """(domain, table) for each domain: sizes, explanations and the letters of the targets."""
    tables = []
    for domain, summary in sorted(run.groups.items()):
        letters = sorted({letter for group in summary.groups.values() for letter in group.target_letters})
        columns: list[Column[tuple[str, Group]]] = [
            Column("group", "Group", lambda pair: plain(pair[0]), kind="head"),
            Column("rows", "Rows", lambda pair: count(pair[1].rows)),
            Column("explanations", "With explanation", lambda pair: count(pair[1].explanations)),
            *(Column(f"letter {x}", x, _share(x), above="Share of the targets with letter") for x in letters),
        ]
        order = in_group_order(summary.groups)
        records = [(name, summary.groups[name]) for name in order]
        tables.append((domain, build(f"{domain}: training sets", columns, records)))
    return tables


def _share(letter: str) -> Callable[[tuple[str, Group]], Entry | str]:
    def cell(pair: tuple[str, Group]) -> Entry | str:
        letters = pair[1].target_letters
        total = sum(letters.values())
        if not total:
            return ABSENT
        number = letters.get(letter, 0)
        return Entry(text=percent(number / total), small=(f"{count(number)} of {count(total)}",))

    return cell


def letters_table(run: RunFiles) -> Table | None:
    """Token and token id of each letter, by form."""
    forms = run.manifest.answer_tokens or {}
    letters = sorted({letter for tokens in forms.values() for letter in tokens})
    if not letters:
        return None

    def tokens_of(form: str) -> Callable[[str], Entry | str]:
        return lambda letter: _token(forms[form].get(letter))

    columns: list[Column[str]] = [Column("letter", "Letter", lambda letter: letter, kind="head")]
    columns += [Column(form, form, tokens_of(form), kind="code") for form in in_form_order(forms)]
    return build("The tokens at which the letters’ probabilities were read", columns, letters)


def _token(token: AnswerToken | None) -> str:
    # A leading space is part of the token and would not be seen.
    return ABSENT if token is None else f"“{token.token.replace(' ', '␣')}” {token.id}"


def data_table(run: RunFiles) -> Table | None:
    """The files of questions, and what of them was left out."""
    columns: list[Column[tuple[str, DataFile]]] = [
        Column("use", "Used for", lambda pair: pair[0], kind="head"),
        Column("file", "File", lambda pair: portable(pair[1].file), kind="long"),
        Column("items", "Questions", lambda pair: count(pair[1].items)),
        Column("skipped", "Rows skipped", lambda pair: count(pair[1].skipped)),
        Column("repeated", "Repeated questions", lambda pair: count(pair[1].repeated)),
        Column("sha256", "sha256", lambda pair: short_hash(pair[1].sha256), kind="code"),
    ]
    return (
        build("Files of questions", columns, sorted(run.manifest.data.items())) if run.manifest.data else None
    )


def claims_table(run: RunFiles) -> Table:
    """The paper's differences beside those measured here."""
    records = [(claim, suite) for claim in CLAIMS for suite in claim.paper]
    columns: list[Column[tuple[Claim, str]]] = [
        Column("claim", "Claim", lambda pair: _claim(pair[0]), kind="head"),
        Column("suite", "Questions", lambda pair: plain(pair[1]), kind="text"),
        Column("paper", "Paper", lambda pair: f"+{pair[0].paper[pair[1]]:.2f}"),
        Column("here", "Here", lambda pair: _measured(run, *pair)),
    ]
    return build("Difference in accuracy, percentage points", columns, records)


def _claim(claim: Claim) -> str:
    return f"{claim.name}: {plain(claim.left)} beats {plain(claim.right)}"


def _measured(run: RunFiles, claim: Claim, suite: str) -> Entry | str:
    found = difference(run.results, claim.left, claim.right, suite=suite)
    if found is None:
        return "not measured"
    over = listed(
        f"{number} {noun}{'' if number == 1 else 's'}"
        for number, noun in ((found.domains, "domain"), (found.seeds, "seed"))
    )
    return Entry(text=points(found.mean), small=(f"mean over {over}",))
