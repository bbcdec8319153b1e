"""The section on what a run was made with: settings, versions, machine, hashes."""

from __future__ import annotations

from collections.abc import Iterator

from harmonia.analysis.tables import RESULTS
from harmonia.errors import redacted
from harmonia.report import ingredients
from harmonia.report.parts import Part, flat, folded, pairs, table
from harmonia.report.run_files import RunFiles
from harmonia.report.words import in_form_order, portable


def settings_parts(run: RunFiles) -> Iterator[Part | None]:
    """All that is needed to make the run again."""
    yield pairs(_asked(run))
    yield table(ingredients.data_table(run))
    yield folded("Settings as run (experiment.yaml)", run.settings)
    made = [*_versions(run), *flat(run.manifest.machine)]
    yield folded("Versions and machine", "\n".join(f"{what}: {value}" for what, value in made))


def _asked(run: RunFiles) -> list[tuple[str, str]]:
    manifest, model = run.manifest, run.manifest.model
    forms = in_form_order([*(row.form for row in run.rows(RESULTS)), *(manifest.answer_tokens or {})])
    rows = [
        ("Model", portable(model.path) if model and model.path else None),
        ("Served by", model.served if model else None),
        ("Name there", model.name if model else None),
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


def _versions(run: RunFiles) -> list[tuple[str, str]]:
    manifest = run.manifest
    rows = [
        ("harmonia", manifest.harmonia or "unknown"),
        *((name, version or "not installed") for name, version in sorted(manifest.versions.items())),
        ("git commit", manifest.git_commit or "unknown"),
    ]
    command = " ".join(redacted(portable(part)) for part in manifest.command)
    return [*rows, ("command", command)] if command else rows
