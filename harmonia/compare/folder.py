"""What a comparison reads beside the models, and the folder that it writes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import harmonia
from harmonia.audit import AUDIT_ROWS, AuditRow
from harmonia.audit.folder import CANARIES
from harmonia.audit.folder import SUMMARY as AUDIT_SUMMARY
from harmonia.compare.canaries import (
    CANARIES_SUITE,
    ITEMS,
    AskedOfBoth,
    QuestionSuite,
    asked_alone,
    demonstrated,
    read_canaries,
    rows_to_ask,
)
from harmonia.compare.lead import lead_of
from harmonia.compare.page import comparison_page
from harmonia.compare.result import Found
from harmonia.compare.settings import CompareSettings
from harmonia.compare.tables import COMPARISON_TABLES
from harmonia.data.at_hand import Questions, items_from
from harmonia.errors import InputError
from harmonia.files import write_json
from harmonia.outputs import fresh_directory, require_folder_place
from harmonia.parsing import read_object
from harmonia.report.parts import FIGURES

SUMMARY, PAGE = "comparison.json", "report.html"
FILES = (SUMMARY, PAGE, FIGURES, *(name for table in COMPARISON_TABLES for name in table.files("tables")))


def require_place(out: Path, inputs: Iterable[str | Path | None] = (), *, field: str = "out") -> None:
    """Require that the folder of a comparison can be written.

    Raises:
        InputError: It cannot, or something of others would be lost.
    """
    require_folder_place(out, inputs=inputs, names=FILES, holds=SUMMARY, field=field)


def wanted_of(
    settings: CompareSettings,
    *,
    items: Questions | Mapping[str, Questions] | None = None,
    shots: Questions | None = None,
    canaries: str | Path | None = None,
    audit: str | Path | None = None,
    seed: int = 0,
) -> tuple[AskedOfBoth, tuple[AuditRow, ...]]:
    """What two models are asked, and all rows of the audit.

    Args:
        settings: How.
        items: Questions of multiple choice; of several exams, each by its name.
        shots: Demonstrations of them.
        canaries: Known facts, as `harmonia audit` writes them; those of the audit if None.
        audit: The folder of an audit.
        seed: Seed of the rows of the audit that are asked again.

    Raises:
        InputError: A file is wrong, or there is nothing to ask.
    """
    rows = () if audit is None else AUDIT_ROWS.read(Path(audit))
    held = None if audit is None else Path(audit) / CANARIES
    if canaries is None and held and held.is_file() and held.stat().st_size:
        canaries = held
    suite, facts = (None, ()) if canaries is None else read_canaries(Path(canaries))
    suites = []
    shown = None if shots is None else items_from(shots).items
    exams = {} if items is None else items if type(items) is dict else {ITEMS: items}
    for name, questions in exams.items():
        if not isinstance(name, str) or name in ("", CANARIES_SUITE):
            problem = "the name of the facts held back" if name == CANARIES_SUITE else "no name of an exam"
            raise InputError(problem, field="items", seen=name, remedy="Give the exam another name.")
        suites.append(QuestionSuite(name=name, items=items_from(questions).items, shots=shown))
    alone, others = asked_alone(rows)
    canary_suites, lone = demonstrated(suite, shown, settings.prompt.shots)
    suites += canary_suites
    notes = (*others, *lone)
    asked = tuple(rows_to_ask(alone, settings.rows, seed))
    if not (suites or facts or asked):
        problem = "; ".join(("nothing to ask", *notes))
        raise InputError(problem, remedy="Give items, canaries, or the folder of an audit.")
    return AskedOfBoth(suites=tuple(suites), facts=facts, rows=asked, notes=notes), rows


def require_audit_of(audit: Path, identity: str) -> None:
    """Require that an audit was made against the model before.

    Raises:
        InputError: It was another one, or the folder is none of an audit.
    """
    path = audit / AUDIT_SUMMARY
    asked = read_object(path, what="the summary of the audit").get("model")
    if asked != identity:
        raise InputError(
            "the audit is of another model than --before",
            file=path,
            field="model",
            seen=asked,
            remedy="Audit the file with the model before, held in the same dtype.",
        )


def write_comparison(
    out: Path, found: Found, settings: CompareSettings, names: tuple[str, str] | None = None
) -> None:
    """Write tables, summary and page in one step; `names` are what the models are called."""
    about = {
        "harmonia": harmonia.__version__,
        "before": found.before,
        "after": found.after,
        "settings": settings.model_dump(mode="json"),
    }
    models = {"before": found.before, "after": found.after}
    if names:
        models = {when: f"{name} ({models[when]})" for when, name in zip(models, names, strict=True)}
    with fresh_directory(out) as partial:
        (partial / "tables").mkdir()
        for table, of_table in found.tables:
            table.write(partial / "tables", of_table)
        write_json(partial / SUMMARY, {**about, "lead": lead_of(found), "notes": list(found.notes)})
        comparison_page(found, names, {**models, **settings.model_dump(mode="json")}).write(partial)
