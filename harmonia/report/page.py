"""The page: what was loaded, as sentences, tables and figures, in one HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harmonia.analysis.tables import BELIEFS, RESULTS
from harmonia.errors import redacted
from harmonia.files import write_text
from harmonia.groups.names import GroupName
from harmonia.report import ingredients, leaks, summary, trust
from harmonia.report.cards import cards, policies_table
from harmonia.report.compared import confounds_tables, differences_table
from harmonia.report.consistency import consistency_tables, outcomes_tables
from harmonia.report.figures import FIGURES, write_figures
from harmonia.report.grid import accuracy_entry, grids
from harmonia.report.load import load_run
from harmonia.report.missing import missing_parts
from harmonia.report.rendering import rendered
from harmonia.report.run_files import RunFiles
from harmonia.report.words import count, in_form_order, in_group_order, plain, portable

_MOST_ROWS_OPEN = 60


def write_page(run: Path) -> Path:
    """Write `report.html` and `figures/` of a run directory; see `harmonia.report.write_report`."""
    files = load_run(run)
    panels = write_figures(files)
    undrawn = [
        (f"figure: {figure.title}", figure.without)
        for figure in FIGURES
        if figure.without and not panels[figure.name]
    ]
    text = rendered(
        "page.html",
        run=files,
        name=files.manifest.name,
        lead=summary.lead(files),
        domains=summary.domain_sentences(files),
        asked=_asked(files),
        letters=ingredients.letters_table(files),
        accuracy=grids(files.by_domain(RESULTS), "share of questions answered right", accuracy_entry),
        consistency=consistency_tables(files),
        outcomes=outcomes_tables(files),
        beliefs=trust.beliefs_table(files),
        draws=max((row.draws for row in files.rows(BELIEFS)), default=1),
        probe_letters=trust.probe_letters_table(files),
        letter_bias=trust.letter_bias_tables(files),
        probe_calibration=trust.probe_calibration_table(files),
        calibration=trust.calibration_tables(files),
        leakage=leaks.leakage_table(files),
        leakage_examples=leaks.leakage_examples(files),
        left_out=leaks.left_out(files),
        groups=[(table, _grouping(files, domain)) for domain, table in ingredients.group_tables(files)],
        data=ingredients.data_table(files),
        cards=cards(files.claims),
        rule=files.claims.rule if files.claims else "",
        policies=policies_table(files.claims),
        differences=differences_table(files),
        confounds=confounds_tables(files),
        twins=_twins(files),
        many_seeds=len(summary.tuned_seeds(files)) > 1,
        figures=_numbered(panels),
        missing=[*missing_parts(files), *undrawn],
        versions=_versions(files),
        machine=_flat(files.manifest.machine),
        most_rows_open=_MOST_ROWS_OPEN,
    )
    path = run / "report.html"
    write_text(path, text)
    return path


def _numbered(panels: dict[str, Any]) -> dict[str, tuple[int, Any, Any]]:
    drawn = [figure for figure in FIGURES if panels[figure.name]]
    return {
        figure.name: (number, figure, panels[figure.name]) for number, figure in enumerate(drawn, start=1)
    }


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


def _grouping(files: RunFiles, domain: str) -> str:
    found = files.groups[domain]
    text = (
        f"In {domain}, {count(found.confident)} of {count(found.beliefs)} beliefs had a confidence above "
        f"{found.threshold:g}: "
        f"{count(found.found_right)} right and {count(found.found_wrong)} wrong."
    )
    if found.size is not None:
        text += f" Each group takes {count(found.size)} of them"
        text += f", with {count(found.general)} general instructions mixed in." if found.general else "."
    return text


def _twins(files: RunFiles) -> list[str]:
    """Mixed groups that are not tuned on, because another group has the same rows."""
    names = in_group_order(name for found in files.groups.values() for name in found.groups)
    twins = [(name, str(GroupName.parse(name).twin)) for name in names]
    return [f"that of {plain(name)} is that of {plain(twin)}" for name, twin in twins if twin in names]


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
