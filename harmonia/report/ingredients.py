"""What a run was made of: training sets, the letters' tokens, files of questions."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from harmonia.groups.confounds import ConfoundsRow, TargetLetterRow
from harmonia.report.html_table import Column, Entry, Table, build
from harmonia.report.run_files import AnswerToken, DataFile, RunFiles
from harmonia.report.words import (
    ABSENT,
    count,
    in_form_order,
    in_group_order,
    percent,
    plain,
    portable,
    short_hash,
)

__all__ = [
    "data_table",
    "group_tables",
    "letters_table",
]


def group_tables(run: RunFiles) -> list[tuple[str, Table]]:
    """(domain, table) for each domain: sizes, explanations and the letters of the targets."""
    tables = []
    for domain in sorted({row.domain for row in run.confounds} & run.groups.keys()):
        here = {row.group: row for row in run.confounds if row.domain == domain}
        taught = {(row.group, row.letter): row for row in run.target_letters if row.domain == domain}
        columns: list[Column[ConfoundsRow]] = [
            Column("group", "Group", lambda row: plain(row.group), kind="head"),
            Column("rows", "Rows", lambda row: count(row.rows)),
            Column("explanations", "With explanation", lambda row: count(row.explained)),
        ]
        for x in sorted({letter for _, letter in taught}):
            above = "Share of the targets with letter"
            columns.append(Column(f"letter {x}", x, _share(taught, x), above=above))
        records = [here[name] for name in in_group_order(here)]
        tables.append((domain, build(f"{domain}: training sets", columns, records)))
    return tables


def _share(
    taught: Mapping[tuple[str, str], TargetLetterRow], letter: str
) -> Callable[[ConfoundsRow], Entry | str]:
    def cell(row: ConfoundsRow) -> Entry | str:
        found = taught.get((row.group, letter))
        if found is None:
            return ABSENT
        return Entry(text=percent(found.share), small=(f"{count(found.rows)} of {count(row.rows)}",))

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
