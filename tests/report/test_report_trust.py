"""Beliefs, letters, calibration, leakage, categories and the ratio curve on the page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from report_run import (
    DOMAINS,
    SUITES,
    beliefs,
    calibration,
    cells,
    differences,
    letter_bias,
    letters,
    overlaps,
    reliability,
    result,
    results,
    summary,
    write_run,
    write_table,
)
from test_report_page import parse, plain_spaces
from test_report_partial import missing

from harmonia.analysis.tables import DIFFERENCES
from harmonia.errors import InputError
from harmonia.report import charts, write_report
from harmonia.report.load import load_run
from harmonia.report.sweep import ratio_curve


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = write_run(tmp_path_factory.mktemp("trust") / "run", compared=True)
    write_report(run)
    return run


@pytest.fixture(scope="module")
def page(finished: Path) -> str:
    return plain_spaces((finished / "report.html").read_text(encoding="utf-8"))


def test_beliefs_over_draws(page: str) -> None:
    rows = parse(page).tables["The base model’s beliefs"]
    assert [row["domain"] for row in rows] == list(DOMAINS)
    assert rows[0] | {"class": ""} == {
        "class": "",
        "domain": "engineering",
        "form": "icl5",
        "n": "1\u202f000",
        "draws": "3",
        "known": "400 | 40.0 %",
        "conflicting": "220 | 22.0 %",
        "uncertain": "380 | 38.0 %",
        "agreement": "87.5 %",
        "right_rate": "50.0 %",
    }
    assert "several draws of demonstrations" in page and "One draw does not tell" not in page


def test_one_draw_has_no_agreement(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", compared=True)
    once = {"draws": 1, "agreement": "", "right_rate": ""}
    write_table(run, "beliefs", [{**row, **once} for row in beliefs()])
    text = plain_spaces(write_report(run).read_text(encoding="utf-8"))
    rows = parse(text).tables["The base model’s beliefs"]
    assert (rows[0]["known"], rows[0]["agreement"], rows[0]["right_rate"]) == ("400 | 40.0 %", "–", "–")
    assert "One draw does not tell" in text


def test_letters_of_the_probe_and_of_models(page: str) -> None:
    tables = parse(page).tables
    first, second = tables["The letters of the probe"]
    assert (first["domain"], second["domain"]) == DOMAINS
    assert (first["rstd"], first["letter_mass"], first["n"]) == ("0.125", "95.0 %", "1\u202f000")
    assert [first[f"prior {letter}"] for letter in "ABC"] == ["55.1", "34.9", "10.0"]
    assert [first[f"answered {letter}"] for letter in "ABC"] == ["62.5", "37.5", "0.0"]
    assert [first[f"right {letter}"] for letter in "ABC"] == ["50.0", "40.0", "10.0"]
    rows = tables["history: RStd and letter mass"]
    assert [row["model"] for row in rows] == ["base", "harmonious", "incompatible", "self-aligning"]
    assert rows[1]["in_domain chat0, letters"] == "0.125 | chance 0.103 | mass 95.0 %"
    assert not any(name.startswith("probe") for name in rows[0])


def test_calibration_and_its_figure(page: str, finished: Path) -> None:
    tables = parse(page).tables
    assert [(row["domain"], row["ece"], row["brier"]) for row in tables["Calibration of the probe"]] == [
        (domain, "0.083", "0.600") for domain in DOMAINS
    ]
    rows = tables["engineering: ECE and Brier score"]
    assert rows[2]["out_of_domain icl5, letters"] == "0.083 | chance 0.060 | Brier 0.600"
    assert len(rows[2]) == 3 + 2 * len(SUITES)
    for domain in DOMAINS:
        drawn = (finished / "figures" / f"reliability-{domain}.svg").read_text()
        assert "mean confidence" in drawn
        assert f'aria-label="Reliability of the base model’s beliefs, {domain}.' in page


def test_leakage_is_counted_shown_and_what_was_left_out_is_said(page: str) -> None:
    rows = parse(page).tables["Questions that stand in two places"]
    pools = ("left", "right", "exact", "normalised", "ngram", "all")
    assert all(row[kind] == "0" for row in rows for kind in ("prefix", "near", "other_gold"))
    assert [tuple(row[name] for name in pools) for row in rows] == [
        ("engineering, train", "engineering, in-domain", "1", "0", "1", "2"),
        ("engineering, train", "history, homogeneous", "0", "1", "0", "1"),
    ]
    assert [row["class"] for row in rows] == ["marked", ""]
    shown = parse(page).tables["The first of them"]
    assert [row["kind"] for row in shown] == ["Same text", "A run of words", "Same words"]
    assert shown[0]["text"] == "What is <steel>?" and "<steel>" not in page
    assert shown[1]["text"].endswith(" ...") and len(shown[1]["text"]) < 250
    assert "2 of the in-domain questions of engineering were left out of all scores: t1, t2." in page
    assert "left out of its training sets" not in page  # 1000 beliefs probed, 1000 grouped


def test_leakage_without_overlaps_and_questions_kept_out_of_training(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", compared=True)
    (run / "groups" / "history" / "seed0" / "summary.json").write_text(
        json.dumps({**summary(), "beliefs": 990})
    )
    claims = json.loads((run / "claims.json").read_text())
    (run / "claims.json").write_text(json.dumps({**claims, "excluded": {}}))
    text = write_report(run).read_text(encoding="utf-8")
    assert "10 of the 1\u202f000 questions probed in history were left out of its training sets." in text
    assert "of all scores" not in text
    write_table(run, "leakage", [])
    assert "leakage" not in missing(run)
    text = (run / "report.html").read_text(encoding="utf-8")
    assert "No test question was found in a training set" in text


def test_cells_of_several_seeds_stand_together(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", compared=True)
    # A second seed: counts are of both.
    again = [{**row, "seed": 1} for row in cells() if row["group"] == "incompatible"]
    write_table(run, "consistency", [*cells(), *again])
    text = plain_spaces(write_report(run).read_text(encoding="utf-8"))
    rows = parse(text).tables["engineering: how far the answers moved, by letters"]
    seeds = {row["group"]: row["seeds"] for row in rows}
    assert seeds == {"base": "1", "harmonious": "1", "incompatible": "2", "self-aligning": "1"}
    rows = parse(text).tables["engineering: what became of the questions, from icl5 to chat0"]
    assert len(rows) == 3 * 4
    row = next(row for row in rows if row["group"] == "incompatible")
    assert [row[name] for name in ("kept", "lost", "gained", "never")] == ["78", "36", "18", "68"]
    assert [row[f"known_{name}"] for name in ("kept", "lost", "gained", "never")] == ["4", "6", "0", "0"]
    assert [row[f"uncertain_{name}"] for name in ("kept", "never")] == ["20", "26"]


def _mixed(left: str, domain: str, scope: str, suite: str, value: float) -> dict[str, object]:
    row = next(row for row in differences() if (row["scope"], row["domain"]) == (scope, domain))
    ends = {"difference": value, "low": value - 0.03, "high": value + 0.04}
    return {**row, "left": left, "suite": suite, **ends}


def test_ratio_curve_is_of_paired_differences(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", compared=True)
    mixed = [
        _mixed(f"mixed_{ratio}", domain, "domain", suite, ratio / 10)
        for ratio in (0.2, 0.6)
        for domain in DOMAINS
        for suite in SUITES
    ]
    whole = [
        _mixed(f"mixed_{ratio}", "all", "all", suite, ratio / 10) for ratio in (0.2, 0.6) for suite in SUITES
    ]
    # History has rows of mixtures in icl5 alone, which no curve is drawn of.
    mixed = [{**row, "form": "icl5"} if row["domain"] == "history" else row for row in mixed]
    write_table(run, "differences", [*differences(), *mixed, *whole])
    asked = [
        {**result(domain, "incompatible", 0, "chat0", suite), "group": "mixed_0.2"}
        for domain in DOMAINS
        for suite in SUITES
    ]
    write_table(run, "results", [*results(), *asked])
    found = missing(run)
    assert found["history, the curve over ratios"] == "no difference of a mixed group was computed"
    assert "engineering, the curve over ratios" not in found
    names = sorted(path.name for path in (run / "figures").glob("ratios-*.svg"))
    assert names == ["ratios-all-domains.svg", "ratios-engineering.svg"]
    drawn = (run / "figures" / "ratios-engineering.svg").read_text()
    swept = ratio_curve(load_run(run).rows(DIFFERENCES), domain="engineering")
    values = charts.ratios(swept, []).to_dict()["data"]["values"]
    # Self-aligning 24 and incompatible 20 of 50 in-domain questions right, 5 below and 4.5 above.
    points = [
        (row["ratio"], *(round(row[name], 6) for name in ("value", "low", "high") if name in row))
        for row in values
        if row["suite"] == "in-domain"
    ]
    assert sorted(points) == [
        (0.0, 0.0),
        (0.2, 2.0, -1.0, 6.0),
        (0.6, 6.0, 3.0, 10.0),
        (1.0, 8.0, 3.0, 12.5),
    ]
    assert all(name in drawn for name in ("homogeneous", "in-domain", "points over ratio 0"))


def test_groups_with_the_same_rows_are_not_missing(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", compared=True)
    for domain in DOMAINS:
        found = summary()
        twins = {"mixed_0": "incompatible", "mixed_1": "self_aligning"}
        found["groups"] |= {name: found["groups"][twin] for name, twin in twins.items()}
        (run / "groups" / domain / "seed0" / "summary.json").write_text(json.dumps(found))
    assert list(missing(run)) == ["claim C1 on out-of-domain questions"]
    text = (run / "report.html").read_text(encoding="utf-8")
    said = "that of mixed 0 is that of incompatible; that of mixed 1 is that of self-aligning"
    assert text.count(said) == 1
    # Without its twin, a mixed group of ratio 0 is a group like any other.
    for domain in DOMAINS:
        found = summary()
        found["groups"]["mixed_0"] = found["groups"].pop("incompatible")
        (run / "groups" / domain / "seed0" / "summary.json").write_text(json.dumps(found))
    waiting = "train/engineering/mixed_0/seed0"
    assert missing(run)[waiting] == "not run yet"


def test_what_the_tables_lack_is_named(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", compared=True)
    gone = ("engineering", "harmonious", "in_domain", "chat0")
    kept = [row for row in calibration() if (row["domain"], row["group"], row["suite"], row["form"]) != gone]
    write_table(run, "calibration", kept)
    assert (
        missing(run)["engineering/harmonious/seed0/chat0/letter/in_domain"]
        == "no row in the table calibration"
    )


@pytest.mark.parametrize(
    ("table", "rows", "column", "value"),
    [
        ("letter_bias", letter_bias, "letter_mass", 95.0),
        ("letters", letters, "right", None),
        ("calibration", calibration, "ece", 1.5),
        ("reliability", reliability, "right", -0.1),
        ("beliefs", beliefs, "agreement", 87.0),
        ("leakage", overlaps, "left_id", None),
    ],
)
def test_bad_cells_are_named(table: str, rows: Any, column: str, value: Any, tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", compared=True)
    bad = rows()
    bad[1][column] = "" if value is None else value
    write_table(run, table, bad)
    with pytest.raises(InputError) as caught:
        write_report(run)
    assert (caught.value.row, caught.value.field) == (2, column)
    assert caught.value.file is not None and caught.value.file.endswith(f"tables/{table}.parquet")
    assert not (run / "report.html").exists()


def test_entropy_and_letter_shares_of_each_group(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", compared=True)
    page = plain_spaces(write_report(run).read_text(encoding="utf-8"))
    rows = parse(page).tables["history: how sure the answers are, and which letters they give"]
    shown = {
        (row["group"], row["asked"]): (row["entropy"], row["answered A"], row["answered C"], row["prior A"])
        for row in rows
    }
    assert len(shown) == 8
    # The made-up letters give A in 62.5 % and C never.
    assert shown["base", "icl5, letters"] == ("0.250", "62.5", "0.0", "55.1")
    assert shown["incompatible", "chat0, letters"] == ("0.500", "62.5", "0.0", "55.1")
