"""What could not be computed, and why: nothing is left out of the report in silence."""

from __future__ import annotations

from collections.abc import Iterator

from harmonia.groups.settings import twin_of
from harmonia.report.compare import CHAT, sweep
from harmonia.report.records import GroupsSummary, RunFiles
from harmonia.report.rows import PROBE
from harmonia.report.words import in_form_order, in_group_order, in_suite_order, listed, plain, ratio_of

__all__ = ["missing_parts"]

_MOST_NAMED = 12
_Model = tuple[str, str, int | None]


def missing_parts(run: RunFiles) -> list[tuple[str, str]]:
    """Return (what, why) for each thing that the report cannot show.

    Args:
        run: The run's files.
    """
    return [
        *_stages(run),
        *run.absent,
        *_manifest(run),
        *_models(run),
        *_results(run),
        *_cells(run),
        *_trust(run),
        *_sweep(run),
        *_claims(run),
    ]


def _stages(run: RunFiles) -> Iterator[tuple[str, str]]:
    failed: dict[str, list[str]] = {}
    noted: dict[str, list[str]] = {}
    for key, stage in run.manifest.stages.items():
        if stage.status == "not_computed":
            failed.setdefault(stage.reason or "the run gives no reason", []).append(key)
        for note in stage.notes:
            noted.setdefault(note, []).append(key)
    if not run.manifest.stages:
        yield "all stages", "not run yet: manifest.json lists none"
    for reason, keys in failed.items():
        yield _keys(keys), f"not computed: {reason}"
    for note, keys in noted.items():
        yield _keys(keys), f"note: {note}"


def _keys(keys: list[str]) -> str:
    named = keys[:_MOST_NAMED]
    more = len(keys) - len(named)
    return ", ".join(named) + (f" and {more} more, which manifest.json lists" if more else "")


def _manifest(run: RunFiles) -> Iterator[tuple[str, str]]:
    manifest = run.manifest
    for what, value in (
        ("the model", manifest.model),
        ("the method", manifest.method),
        ("the preset", manifest.preset),
        ("the files of questions", manifest.data),
        ("the versions", manifest.versions),
        ("the machine", manifest.machine),
    ):
        if not value:
            yield what, "manifest.json does not say"
    if not manifest.answer_tokens and manifest.method != "cloze":
        yield "the letters’ tokens", "manifest.json does not say"


def _models(run: RunFiles) -> Iterator[tuple[str, str]]:
    """Stages that the groups and seeds call for and the manifest does not list."""
    for domain, summary in sorted(run.groups.items()):
        waiting = [
            f"train/{domain}/{group}/seed{seed}"
            for group in in_group_order(_trained(summary))
            for seed in run.manifest.seeds
            if f"train/{domain}/{group}/seed{seed}" not in run.manifest.stages
        ]
        if waiting:
            yield _keys(waiting), "not run yet"


def _trained(summary: GroupsSummary) -> list[str]:
    """Groups that a model is tuned on: of two that teach the same rows, one."""
    return [group for group in summary.groups if twin_of(group) not in summary.groups]


def _results(run: RunFiles) -> Iterator[tuple[str, str]]:
    have = {(row.domain, row.group, row.seed, row.suite, row.form) for row in run.results}
    forms = in_form_order(row.form for row in run.results)
    for domain, group, seed in _expected_models(run):
        suites = in_suite_order(row.suite for row in run.results if row.domain == domain)
        gaps = [
            f"{plain(suite)} in {form}"
            for suite in suites
            for form in forms
            if (domain, group, seed, suite, form) not in have
            and not _is_explained(run, (domain, group, seed), form, suite)
        ]
        if gaps:
            yield _model((domain, group, seed)), f"no row in results.csv for {listed(gaps)}"


def _expected_models(run: RunFiles) -> list[_Model]:
    """The base model and all tuned models, in every domain with a result."""
    models: set[_Model] = {(row.domain, row.group, row.seed) for row in run.results}
    domains = {row.domain for row in run.results}
    models |= {(domain, "base", None) for domain in domains}
    for domain in domains & set(run.groups):
        models |= {
            (domain, group, seed) for group in _trained(run.groups[domain]) for seed in run.manifest.seeds
        }
    order = in_group_order(group for _, group, _ in models)
    return sorted(
        models, key=lambda model: (model[0], order.index(model[1]), -1 if model[2] is None else model[2])
    )


def _is_explained(run: RunFiles, model: _Model, form: str, suite: str) -> bool:
    domain, group, seed = model
    keys = (f"train/{domain}/{group}/seed{seed}", f"evaluate/{domain}/{group}/seed{seed}/{form}/{suite}")
    stages = run.manifest.stages
    return any(key in stages and stages[key].status == "not_computed" for key in keys)


def _model(model: _Model) -> str:
    domain, group, seed = model
    return f"{domain}, {plain(group)}" + ("" if seed is None else f", seed {seed}")


def _cells(run: RunFiles) -> Iterator[tuple[str, str]]:
    if not run.consistency:
        return
    have = {
        (row.domain, row.group, row.seed, row.suite, row.before_form, row.after_form)
        for row in run.consistency
        if row.before_model == "base"
    }
    forms = in_form_order(form for row in run.consistency for form in (row.before_form, row.after_form))
    measured = [(row.domain, row.group, row.seed) for row in run.results]
    asked = {(row.domain, row.suite) for row in run.results} | {
        (row.domain, row.suite) for row in run.consistency
    }
    for domain, group, seed in dict.fromkeys([*measured, *(key[:3] for key in sorted(have, key=str))]):
        suites = in_suite_order(suite for of, suite in asked if of == domain)
        gaps = [
            f"{plain(suite)} {before} → {after}"
            for suite in suites
            for before in forms
            for after in forms
            if (domain, group, seed, suite, before, after) not in have
            and (group != "base" or (before.startswith("icl") and after == "chat0"))
            and not _is_explained(run, (domain, group, seed), after, suite)
        ]
        if gaps:
            yield _model((domain, group, seed)), f"no row in consistency.csv for {listed(gaps)}"


def _trust(run: RunFiles) -> Iterator[tuple[str, str]]:
    """Models with an accuracy, and probed domains, without a row in the tables on answers."""
    domains = {key.split("/")[1] for key in run.manifest.stages if key.startswith("probe/")} | set(run.groups)
    asked = {(row.domain, row.group, row.seed, row.suite, row.form) for row in run.results}
    for name, rows in (("letters.csv", run.letters), ("calibration.csv", run.calibration)):
        if not rows:
            continue
        probed = {row.domain for row in rows if row.suite == PROBE}
        for domain in sorted(domains - probed):
            yield f"{domain}, the probe", f"no row in {name}"
        have = {(row.domain, row.group, row.seed, row.suite, row.form) for row in rows}
        for model in sorted({key[:3] for key in asked - have}, key=str):
            gaps = sorted(f"{plain(key[3])} in {key[4]}" for key in asked - have if key[:3] == model)
            yield _model(model), f"no row in {name} for {listed(gaps)}"


def _sweep(run: RunFiles) -> Iterator[tuple[str, str]]:
    chat = [row for row in run.results if row.form == CHAT]
    for domain in sorted({row.domain for row in chat if ratio_of(row.group) is not None}):
        if not sweep(run.differences, domain=domain):
            yield f"{domain}, the curve over ratios", "differences.csv has no row of a mixed group"


def _claims(run: RunFiles) -> Iterator[tuple[str, str]]:
    for claim in run.claims.claims if run.claims else ():
        whys: dict[str, list[str]] = {}
        for finding in claim.findings:
            if finding.because:
                whys.setdefault(finding.because, []).append(finding.suite)
        for why, suites in whys.items():
            yield f"claim {claim.claim} on {listed(map(plain, in_suite_order(suites)))} questions", why
