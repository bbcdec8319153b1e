"""What a page is made of: parts (text, tables, figures) in declared sections, in one frame.

A part knows its HTML and the files that belong to it beside the page, for papers: a table's
LaTeX and CSV, a figure's SVG and PNG.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

import harmonia
from harmonia.files import write_text
from harmonia.numbers import counted
from harmonia.outputs import fresh_directory
from harmonia.report.html_table import PageTable
from harmonia.report.plain_table import csv_of, latex_of

FIGURES = "figures"
"""Folder beside the page with what goes into a paper: figures as SVG and PNG, tables as LaTeX and CSV."""
_LONG = 12
"""Rows from which a table is folded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A piece of a section.

    Attributes:
        html: As it stands on the page.
        anchor: Where a link leads to; empty for text.
        title: What the table of contents calls it.
        files: Content of files in `figures/` by their names.
        drawn: Whether it has a chart that the page makes interactive.
    """

    html: Markup
    anchor: str = ""
    title: str = ""
    files: Mapping[str, bytes] = field(default_factory=dict)
    drawn: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PageSection:
    """A section of a page.

    Attributes:
        anchor: Where a link leads to.
        title: Its heading.
        gist: What stands in it, in one line.
        parts: What stands in it; None for what a run does not have.
        without: What to say where it has nothing.
        opened: Whether it is shown unfolded.
    """

    anchor: str
    title: str
    gist: str
    parts: Sequence[Part | None]
    without: str = "Nothing to show yet."
    opened: bool = False

    @property
    def shown(self) -> tuple[Part, ...]:
        """The parts that there are."""
        found = tuple(part for part in self.parts if part is not None)
        return found or (prose(self.without),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page.

    Attributes:
        kind: What it reports on.
        title: Its heading.
        finding: What was found, a sentence each; the first stands out.
        warnings: What the reader must know before believing any of it, a sentence each.
        picture: The figure that shows the finding.
        sections: The sections, in order.
    """

    kind: str
    title: str
    finding: Sequence[str]
    warnings: Sequence[str] = ()
    picture: Part | None = None
    sections: Sequence[PageSection]

    def write(self, folder: Path) -> Path:
        """Write `report.html` and `figures/` into a folder; returns the page's path."""
        every = [part for section in self.sections for part in section.shown]
        every += [self.picture] if self.picture else []
        text = (
            _templates().get_template("frame.html").render(page=self, drawn=any(one.drawn for one in every))
        )
        with fresh_directory(folder / FIGURES) as place:
            for part in every:
                for name, content in part.files.items():
                    (place / name).write_bytes(content)
        path = folder / "report.html"
        write_text(path, text)
        return path


def prose(text: str, *, note: bool = False) -> Part:
    """A paragraph; a note says how to read what stands beside it."""
    return Part(html=_macro("prose", text, note))


def bullets(sentences: Iterable[str]) -> Part | None:
    """A list of sentences; None where there are none."""
    return Part(html=_macro("bullets", said)) if (said := list(sentences)) else None


def pairs(rows: Iterable[tuple[str, str]]) -> Part | None:
    """Names and what they are; None where there are none."""
    return Part(html=_macro("pairs", found)) if (found := list(rows)) else None


def table(shown: PageTable) -> Part | None:
    """A table with its files; long ones are folded, and one without rows is none."""
    if not shown.lines:
        return None
    name = f"table-{slug(shown.caption)}"
    return Part(
        html=_macro("table", shown, name, len(shown.lines) > _LONG),
        anchor=name,
        title=shown.caption,
        files={f"{name}.tex": latex_of(shown).encode(), f"{name}.csv": csv_of(shown).encode()},
    )


def tables(shown: Iterable[PageTable], note: str = "") -> list[Part]:
    """Tables of one kind, and how to read them; nothing where there is none of them."""
    found = [part for part in map(table, shown) if part]
    return [prose(note, note=True), *found] if found and note else found


def closing(notes: Iterable[str], about: Mapping[str, Any], *, without: str) -> list[PageSection]:
    """The last sections of a page that is no run's: what it cannot tell, and how it was made.

    Args:
        notes: What was left out or cut, a sentence each.
        about: How it was made, in names and values, some of them names and values again.
        without: What to say where there are no notes.
    """
    return [
        PageSection(
            anchor="notes",
            title="Limits",
            gist="what was left out, cut, or cannot be told",
            parts=[bullets(notes)],
            without=without,
            opened=True,
        ),
        PageSection(
            anchor="settings",
            title="Settings and hashes",
            gist="all that is needed to make this again",
            parts=[pairs([("harmonia", harmonia.__version__), *flat(about)])],
        ),
    ]


def flat(values: Mapping[str, Any], before: str = "") -> list[tuple[str, str]]:
    """Names and values, such as `rule.known` of what lies within `rule`; what is None is left out."""
    rows: list[tuple[str, str]] = []
    for name, value in values.items():
        if isinstance(value, dict):
            rows += flat(value, f"{before}{name}.")
        elif value is not None:
            rows.append(
                (f"{before}{name}", ", ".join(map(str, value)) if isinstance(value, list) else str(value))
            )
    return rows


def folded(title: str, text: str) -> Part:
    """A text as it is, such as a file of settings."""
    return Part(html=_macro("folded", title, Markup.escape(text)))


def macro(name: str, *values: Any, **about: Any) -> Part:
    """A part that a macro of `parts.html` writes; `about` are what else it has."""
    return Part(html=_macro(name, *values), **about)


def slug(text: str) -> str:
    """A text as a name of anchors and files."""
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-.")


def _macro(name: str, *values: Any) -> Markup:
    return Markup(getattr(_templates().get_template("parts.html").module, name)(*values))


_UNIT = re.compile(r"(?<=\d) (?=%|(?:points?|nats|seeds?|s|min|h|[kKMG]i?B)\b)|(?<=[<=]) (?=\d)")
"""The space between a number and its unit, or a sign and its number."""


def _held_together(value: Any) -> Any:
    """A text whose numbers and units do not part at the end of a line; what is markup stays as it is."""
    return _UNIT.sub("\u00a0", value) if type(value) is str else value


@cache
def _templates() -> Environment:
    found = Environment(
        loader=PackageLoader("harmonia.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_held_together,
    )
    found.filters["counted"] = counted
    # What is ours goes in as it is: no text of a run is in these files.
    folder = Path(__file__).parent
    found.globals["asset"] = lambda name: Markup((folder / name).read_text(encoding="utf-8"))
    return found
