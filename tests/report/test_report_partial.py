"""Runs that are not finished: the page is written, and what is missing has its line."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from report_run import cells, manifest, results, write_table

from harmonia.report import write_report


def missing(run: Path) -> dict[str, str]:
    text = write_report(run).read_text(encoding="utf-8").replace("\u00a0", " ")
    part = text[text.index('id="limits"') :]
    return dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", part))


def change_manifest(run: Path, change: Callable[[dict], None]) -> None:
    values = manifest("lab run")
    change(values)
    (run / "manifest.json").write_text(json.dumps(values))


def remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.mark.parametrize(
    ("gone", "what", "why"),
    [
        ("tables/results.parquet", "results", "not written yet: no accuracies"),
        ("tables/consistency.parquet", "consistency", "not written yet: no consistency of knowledge"),
        ("groups", "groups/history/seed0/summary.json", "not written yet: no sizes of the groups"),
        (
            "groups/history/seed0",
            "groups/history/seed0/summary.json",
            "not written yet: no sizes of the groups",
        ),
        ("models", "models", "no model has been tuned yet: no loss curves"),
        (
            "models/history/incompatible/seed0/loss.jsonl",
            "models/history/incompatible/seed0/loss.jsonl",
            "not written: no loss curve",
        ),
    ],
)
def test_each_missing_input_has_its_line(run: Path, gone: str, what: str, why: str) -> None:
    remove(run / gone)
    assert missing(run)[what] == why


@pytest.mark.parametrize(
    ("gone", "section", "said"),
    [
        ("models", "training", "No loss curves yet."),
        ("tables/results.parquet", "accuracy", "No accuracies yet."),
        ("tables/consistency.parquet", "outcomes", "No model before and after has been compared."),
    ],
)
def test_a_section_without_figures_says_so(run: Path, gone: str, section: str, said: str) -> None:
    for name in (gone, "tables/lost.parquet"):
        remove(run / name)
    text = write_report(run).read_text(encoding="utf-8")
    part = text[text.index(f'<section id="{section}"') :].partition("</section>")[0]
    assert f"<p>{said}</p>" in part and "<figure" not in part


def test_run_that_has_just_begun(tmp_path: Path) -> None:
    (tmp_path / "experiment.yaml").write_text("name: x\n")
    (tmp_path / "manifest.json").write_text('{"name": "x"}')
    found = missing(tmp_path)
    assert {
        "all stages",
        "results",
        "consistency",
        "groups",
        "models",
        "the model",
        "the method",
    } < set(found)
    assert (
        "No tuned model has a result in the chat form (chat0) yet" in (tmp_path / "report.html").read_text()
    )
    assert found["differences"] == "not written yet: no intervals of differences"
    assert found["claims.json"] == "not written yet: no claim cards"


def test_failed_tasks_stand_on_the_first_screen(run: Path) -> None:
    lost = [f"train/history/{group}/seed0" for group in ("harmonious", "incompatible", "self_aligning")]
    lost.append("probe/history")

    def fail(values: dict, number: int) -> None:
        values["tasks"] = 315
        for key in lost[:number]:
            values["stages"][key] = {"status": "failed", "reason": "memory ran out", "notes": []}

    def first_screen() -> str:
        text = write_report(run).read_text(encoding="utf-8")
        return text[: text.index("<nav")].replace("\u00a0", " ")

    assert "failed" not in first_screen()
    change_manifest(run, lambda values: fail(values, 1))
    said = f"1 of 315 tasks failed: {lost[0]}. What needs them is missing here"
    assert first_screen().count(said) == 1
    change_manifest(run, lambda values: fail(values, 4))
    first = first_screen()
    # In the order of the manifest, the probe first.
    assert f"4 of 315 tasks failed: probe/history, {lost[0]}, {lost[1]} and 1 other." in first
    assert "“Limits”, at the end, says why" in first
    assert missing(run)[", ".join((lost[3], *lost[:3]))] == "failed: memory ran out"


def test_stages_without_result_are_named_once_with_their_reason(run: Path) -> None:
    def change(values: dict) -> None:
        for group in ("harmonious", "self_aligning"):
            values["stages"][f"train/history/{group}/seed0"] = {
                "status": "not_computed",
                "reason": "too few confident beliefs (12 < 20)",
                "notes": [],
            }
        values["stages"]["probe/history"]["notes"] = ["3 prompts lost an example"]
        values["stages"]["probe/engineering"]["notes"] = ["11 prompts lost an example"]
        del values["stages"]["train/engineering/incompatible/seed0"]

    change_manifest(run, change)
    write_table(
        run,
        "results",
        [r for r in results() if r["domain"] != "history" or r["group"] in ("base", "incompatible")],
    )
    found = missing(run)
    assert (
        found["train/history/harmonious/seed0, train/history/self_aligning/seed0"]
        == "not computed: too few confident beliefs (12 &lt; 20)"
    )
    (notes,) = (found[what] for what in found if "probe/history" in what)
    assert notes == "note: 3 to 11 prompts lost an example"
    assert found["train/engineering/incompatible/seed0"] == "not run yet"
    assert "history, harmonious, seed 0" not in found


def test_group_that_was_not_measured(run: Path) -> None:
    write_table(run, "results", [r for r in results() if r["group"] != "incompatible"])
    gaps = next(what for what, why in missing(run).items() if why == "no row in the table results")
    assert (
        gaps.startswith("engineering/incompatible/seed0/chat0/letter/homogeneous, ")
        and "harmonious" not in gaps
    )


def test_tables_without_rows(run: Path) -> None:
    for name in ("results", "consistency"):
        write_table(run, name, [])
    found = missing(run)
    assert found["results"] == "has no rows: no accuracies"
    assert found["consistency"] == "has no rows: no consistency of knowledge"


def test_cloze_has_neither_letters_nor_their_mass(run: Path) -> None:
    change_manifest(run, lambda values: values.update(method="cloze", answer_tokens={}))
    write_table(run, "results", [{**row, "letter_mass": ""} for row in results()])
    write_table(run, "consistency", [{**row, "readout": "cloze"} for row in cells()])
    assert "the letters’ tokens" not in missing(run)
    page = (run / "report.html").read_text()
    for name in ("agreement", "cells", "outcomes"):
        assert f'id="figure-{name}"' in page
