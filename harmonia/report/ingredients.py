"""What a run was made of: training sets, the letters' tokens, files of questions."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from harmonia.groups import GroupsSummary
from harmonia.groups.confounds import CONFOUNDS, TARGET_LETTERS, ConfoundsRow
from harmonia.numbers import count
from harmonia.report.html_table import Entry, PageColumn, PageTable, build, field, fields
from harmonia.report.run_files import DataFile, RunFiles
from harmonia.report.words import ABSENT, in_form_order, in_order, percent, portable, short_hash


def group_tables(run: RunFiles) -> list[tuple[str, PageTable]]:
    """(domain, table) for each domain: sizes, explanations and the letters of the targets."""
    taught = {(row.domain, row.seed, row.group, row.letter): row for row in run.rows(TARGET_LETTERS)}

    def share(row: ConfoundsRow, letter: str) -> Entry | str:
        if (found := taught.get((row.domain, row.seed, row.group, letter))) is None:
            return ABSENT
        return Entry(text=percent(found.share), small=(f"{count(found.rows)} of {count(row.rows)}",))

    tables = []
    for domain, rows in run.by_domain(CONFOUNDS, lambda row: bool(run.drawn(row.domain))).items():
        columns: list[PageColumn[ConfoundsRow]] = [
            field(ConfoundsRow, "group", "Group", "head"),
            *fields(ConfoundsRow, seed="Seed", rows="Rows", explained="With explanation"),
        ]
        for x in sorted({letter for here, _, _, letter in taught if here == domain}):
            shown = partial(share, letter=x)
            columns.append(PageColumn(f"letter {x}", x, shown, "Share of the targets with letter"))
        tables.append((domain, build(f"{domain}: training sets", columns, in_order(rows, "group", "seed"))))
    return tables


def sizes(drawn: Sequence[GroupsSummary], name: str) -> str:
    """A count of each seed's groups; one number where all seeds have the same."""
    return " or ".join(count(size) for size in sorted({getattr(found, name) for found in drawn}))


def letters_table(run: RunFiles) -> PageTable:
    """Token and token id of each letter, by form."""
    forms = run.manifest.answer_tokens or {}
    letters = sorted({letter for tokens in forms.values() for letter in tokens})

    def token(letter: str, form: str) -> str:
        found = forms[form].get(letter)
        # A leading space is part of the token and would not be seen.
        return ABSENT if found is None else f"“{found.token.replace(' ', '␣')}” {found.id}"

    columns: list[PageColumn[str]] = [PageColumn("letter", "Letter", str, kind="head")]
    for form in in_form_order(forms):
        columns.append(PageColumn(form, form, partial(token, form=form), kind="code"))
    caption = "The tokens at which the letters’ probabilities were read"
    return build(caption, columns, letters)


def data_table(run: RunFiles) -> PageTable:
    """The files of questions, and what of them was left out."""
    columns: list[PageColumn[tuple[str, DataFile]]] = [
        PageColumn("use", "Used for", lambda pair: pair[0], kind="head"),
        PageColumn("file", "File", lambda pair: portable(pair[1].file), kind="long"),
        PageColumn("items", "Questions", partial(_number, name="items")),
        PageColumn("skipped", "Rows skipped", partial(_number, name="skipped")),
        PageColumn("repeated", "Repeated questions", partial(_number, name="repeated")),
        PageColumn("sha256", "sha256", lambda pair: short_hash(pair[1].sha256), kind="code"),
    ]
    files = sorted(run.manifest.data.items())
    return build("Files of questions", columns, files)


def _number(pair: tuple[str, DataFile], name: str) -> str:
    value = getattr(pair[1], name)
    return ABSENT if value is None else count(value)
