"""The page: what was loaded, as sentences, tables and figures, in one HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harmonia.analysis.tables import RESULTS
from harmonia.errors import redacted
from harmonia.files import write_text
from harmonia.report import (
    cards,
    compared,
    consistency,
    grid,
    headline,
    ingredients,
    leaks,
    readouts,
    summary,
    trust,
    words,
)
from harmonia.report.explorer import explorer
from harmonia.report.figures import FIGURES, write_figures
from harmonia.report.load import load_run
from harmonia.report.missing import missing_parts
from harmonia.report.rendering import rendered
from harmonia.report.run_files import RunFiles
from harmonia.report.words import in_form_order, plain, portable

_MOST_ROWS_OPEN = 60
_PARTS = (cards, compared, consistency, grid, headline, ingredients, leaks, readouts, summary, trust, words)


def write_page(run: Path) -> Path:
    """Write `report.html` and `figures/` of a run directory; see `harmonia.report.write_report`."""
    files = load_run(run)
    panels = write_figures(files)
    undrawn = [figure for figure in FIGURES if figure.without and not panels[figure.name]]
    text = rendered(
        "page.html",
        **{part.__name__.rpartition(".")[2]: part for part in _PARTS},
        run=files,
        questions=explorer(files),
        asked=_asked(files),
        panels=panels,
        drawn=[figure.name for figure in FIGURES if panels[figure.name]],
        titles={figure.name: figure.title for figure in FIGURES},
        missing=[*missing_parts(files), *((f"figure: {one.title}", one.without) for one in undrawn)],
        versions=_versions(files),
        machine=_flat(files.manifest.machine),
        most_rows_open=_MOST_ROWS_OPEN,
    )
    path = run / "report.html"
    write_text(path, text)
    return path


def _asked(files: RunFiles) -> list[tuple[str, str]]:
    manifest, model = files.manifest, files.manifest.model
    forms = in_form_order([*(row.form for row in files.rows(RESULTS)), *(manifest.answer_tokens or {})])
    rows = [
        ("Model", portable(model.path) if model and model.path else None),
        ("GGUF file", portable(model.gguf_file) if model and model.gguf_file else None),
        ("Model hash", model.hash if model else None),
        ("Tokenizer hash", model.tokenizer_hash if model else None),
        ("Number type", model.dtype if model else None),
        ("Method", manifest.method),
        ("Preset", manifest.preset),
        ("Forms", ", ".join(f"{form} ({_form(form)})" for form in forms)),
        ("Chat template hash", manifest.template_hash),
        ("Seeds", ", ".join(map(str, manifest.seeds))),
    ]
    return [(what, value) for what, value in rows if value]


def _form(form: str) -> str:
    if form.startswith("icl"):
        return f"raw prompt, {form[3:]} examples"
    return "chat template, no examples" if form == "chat0" else "another form"


def _versions(files: RunFiles) -> list[tuple[str, str]]:
    manifest = files.manifest
    rows = [
        ("harmonia", manifest.harmonia or "unknown"),
        *((name, version or "not installed") for name, version in sorted(manifest.versions.items())),
        ("git commit", manifest.git_commit or "unknown"),
    ]
    command = " ".join(redacted(portable(part)) for part in manifest.command)
    return [*rows, ("command", command)] if command else rows


def _flat(values: dict[str, Any], before: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for name, value in sorted(values.items()):
        label = f"{before}{plain(name)}"
        if isinstance(value, dict):
            rows += _flat(value, f"{label}, ")
        elif value is not None:
            rows.append((label, ", ".join(map(str, value)) if isinstance(value, list) else str(value)))
    return rows
