"""Tables of the page on letters and readouts, from rows made by hand."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from report_run import result, write_run

from harmonia.analysis.tables import LETTERS, LOST, RESULTS, LetterRow, LossRow, ResultRow
from harmonia.report import charts, figures
from harmonia.report.load import load_run
from harmonia.report.readouts import loss_tables, spread_tables
from harmonia.report.run_files import RunFiles

HOW = {"domain": "law", "group": "incompatible", "seed": 0, "form": "chat0"}


@pytest.fixture
def run(tmp_path: Path) -> RunFiles:
    return load_run(write_run(tmp_path / "run"))


def made(run: RunFiles, **tables: list[Any]) -> RunFiles:
    return replace(run, tables={name: tuple(rows) for name, rows in tables.items()})


def test_letters_of_suites_with_fewer_options_sum_to_a_hundred(run: RunFiles) -> None:
    # One suite of two options, answered A and B in halves; one of three, answered A, B, C .2, .2, .6.
    answered = {"homogeneous": (0.5, 0.5), "in_domain": (0.2, 0.2, 0.6)}
    letters = [
        LetterRow(
            **HOW,
            readout="letter",
            suite=suite,
            letter=letter,
            recall=None,
            right=0,
            answered=share,
            prior=1 - share,
        )
        for suite, shares in answered.items()
        for letter, share in zip("ABC", shares, strict=False)
    ]
    asked = [result("engineering", "incompatible", 0, "chat0", suite) | HOW for suite in answered]
    found = made(run, **{LETTERS.name: letters, RESULTS.name: [ResultRow(**row) for row in asked]})
    (table,) = spread_tables(found)
    texts = [cell.text for cell in table.lines[0].entries]
    assert texts[-6:-3] == ["35.0", "35.0", "30.0"]
    assert texts[-3:] == ["65.0", "65.0", "20.0"]  # what is probable is told apart from what is answered
    drawn = figures.letters(found)
    assert drawn is not None
    assert re.findall(r">(\d+%)<", drawn.files["letters-law.svg"].decode()) == ["35%", "35%", "30%"]


def test_losses_say_how_the_probe_asked(run: RunFiles) -> None:
    counts = dict.fromkeys(("n", "right_before", "kept"), 9)
    none = dict.fromkeys(("readout_lost", "other_lost", "knowledge_lost"), 0)
    row = LossRow(**HOW, readout="letter", suite="in_domain", other_form="icl5", **counts, **none)
    for method, words in (
        ("cloze", "chat0, in words; icl5, letters"),
        ("letter_cyclic", "chat0, cyclic letters; icl5, letters"),
    ):
        by = replace(run, manifest=run.manifest.model_copy(update={"method": method}))
        (table,) = loss_tables(made(by, **{LOST.name: [row]}))
        assert words in [cell.text for cell in table.lines[0].entries]


def test_every_form_of_the_base_model_has_a_line() -> None:
    made_of = result("engineering", "base", 0, "icl5", "in_domain")
    rows = [ResultRow(**made_of | {"form": form}) for form in ("icl0", "icl2", "icl5", "chat0")]
    layers = charts.accuracy(rows, (0.0, 1.0)).to_dict()["spec"]["layer"]
    dashes = {
        re.findall(r"'(\w+)'", layer["transform"][0]["filter"])[1]: layer["mark"]["strokeDash"]
        for layer in layers
        if "transform" in layer
    }
    assert dashes == {"icl0": [1, 0], "icl2": [1, 0], "icl5": [1, 0], "chat0": [4, 3]}


def test_chance_is_drawn_where_each_suite_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Any] = []
    whole = charts.finding
    monkeypatch.setattr(charts, "finding", lambda *given: drawn.append(whole(*given)) or drawn[0])
    of = {"homogeneous": 0.25, "out_of_domain": 0.5}  # four options, and two
    rows = [
        ResultRow(**result("engineering", group, 0, "chat0", suite) | {"chance": chance})
        for group in ("base", "harmonious")
        for suite, chance in of.items()
    ]
    assert figures.finding([rows], [])
    values = drawn[0].to_dict()["data"]["values"]
    assert {(row["suite"], row["chance"]) for row in values} == {
        ("homogeneous", 0.25),
        ("out-of-domain", 0.5),
    }
