"""The report's tables, each a list of columns."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from harmonia.report.compare import CLAIMS, Claim, difference
from harmonia.report.records import AnswerToken, Cell, DataFile, Group, Result, RunFiles
from harmonia.report.table import Column, Entry, Table, build
from harmonia.report.words import (
    ABSENT,
    count,
    decimal,
    in_form_order,
    in_group_order,
    in_suite_order,
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
    "consistency_tables",
    "data_table",
    "group_tables",
    "letters_table",
]

_Model: TypeAlias = dict[tuple[str, str], Result]


def accuracy_tables(run: RunFiles) -> list[Table]:
    """One table a domain: models by suite and form."""
    tables = []
    for domain in sorted({row.domain for row in run.results}):
        here = [row for row in run.results if row.domain == domain]
        order = in_group_order(row.group for row in here)
        models: dict[tuple[str, int | None], _Model] = {}
        for row in sorted(
            here, key=lambda row: (order.index(row.group), row.seed if row.seed is not None else -1)
        ):
            models.setdefault((row.group, row.seed), {})[row.suite, row.form] = row
        columns = [
            Column[_Model]("model", "Tuned on", lambda rows: plain(_any(rows).group), kind="head"),
            Column[_Model]("seed", "Seed", lambda rows: _seed(_any(rows).seed)),
        ]
        for suite in in_suite_order(row.suite for row in here):
            for form in in_form_order(row.form for row in here if row.suite == suite):
                columns.append(Column(f"{suite} {form}", form, _accuracy(suite, form), above=plain(suite)))
        caption = f"{domain}: share of questions answered right"
        tables.append(
            build(caption, columns, models.values(), marked=lambda rows: _any(rows).group == "base")
        )
    return tables


def _accuracy(suite: str, form: str) -> Callable[[_Model], Entry | str]:
    def cell(rows: _Model) -> Entry | str:
        row = rows.get((suite, form))
        if row is None:
            return ABSENT
        interval = f"{100 * row.accuracy_low:.1f} to {100 * row.accuracy_high:.1f}"
        macro = [] if row.accuracy_macro is None else [f"macro {percent(row.accuracy_macro)}"]
        return Entry(text=percent(row.accuracy), small=(interval, *macro, f"n = {count(row.n)}"))

    return cell


def _any(rows: _Model) -> Result:
    return next(iter(rows.values()))


def _seed(seed: int | None) -> str:
    return ABSENT if seed is None else str(seed)


_CONSISTENCY = (
    Column[Cell]("group", "Tuned on", lambda row: plain(row.group), kind="head"),
    Column[Cell]("seed", "Seed", lambda row: _seed(row.seed)),
    Column[Cell]("suite", "Questions", lambda row: plain(row.suite), kind="text"),
    Column[Cell]("cell", "Before → after", lambda row: _forms(row), kind="text"),
    Column[Cell]("n", "n", lambda row: count(row.n)),
    Column[Cell]("before", "Before", lambda row: percent(row.accuracy_before), above="right"),
    Column[Cell]("after", "After", lambda row: percent(row.accuracy_after), above="right"),
    Column[Cell]("ranks", "Rank agreement", lambda row: decimal(row.rank_agreement)),
    Column[Cell]("kl", "KL", lambda row: decimal(row.kl), above="nats"),
    Column[Cell]("kl_reverse", "KL reversed", lambda row: decimal(row.kl_reverse), above="nats"),
    Column[Cell]("js", "JS", lambda row: decimal(row.js), above="nats"),
    Column[Cell]("kept", "Kept", lambda row: count(row.kept), above="questions"),
    Column[Cell]("lost", "Lost", lambda row: count(row.lost), above="questions"),
    Column[Cell]("gained", "Gained", lambda row: count(row.gained), above="questions"),
    Column[Cell]("never", "Never", lambda row: count(row.never), above="questions"),
)


def _forms(row: Cell) -> str:
    before = row.before_form if row.before_model == "base" else f"itself {row.before_form}"
    return f"{before} → {row.after_form}" + (" ● paper" if row.is_paper else "")


def consistency_tables(run: RunFiles) -> list[Table]:
    """One table a domain: every cell, the paper's marked."""
    groups = in_group_order(row.group for row in run.consistency)
    suites = in_suite_order(row.suite for row in run.consistency)
    forms = in_form_order(form for row in run.consistency for form in (row.before_form, row.after_form))

    def place(row: Cell) -> tuple[int, ...]:
        return (
            suites.index(row.suite),
            groups.index(row.group),
            -1 if row.seed is None else row.seed,
            row.before_model != "base",
            forms.index(row.before_form),
            forms.index(row.after_form),
        )

    return [
        build(
            f"{domain}: the base model’s knowledge and what it became",
            _CONSISTENCY,
            sorted((row for row in run.consistency if row.domain == domain), key=place),
            marked=lambda row: row.is_paper,
            section=lambda row: row.suite,
        )
        for domain in sorted({row.domain for row in run.consistency})
    ]


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
