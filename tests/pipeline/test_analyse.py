"""The tables of a run, from prediction files to claims, without any model."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from command_line import harmonia

from harmonia.analysis import consistency_of, read_run
from harmonia.analysis.tables import MIXED_MODELS
from harmonia.errors import InputError
from harmonia.pipeline.analyse import OUTPUTS, analyse_run
from harmonia.pipeline.pool import read_finished
from harmonia.probe import read_beliefs, write_beliefs
from harmonia.types import Belief, Item

_CATEGORIES = ("known", "conflicting", "uncertain")
FORMS = ("icl5", "chat0")
MODELS = ("base", "harmonious/seed0", "harmonious/seed1", "incompatible/seed0", "incompatible/seed1")


def _beliefs(rng: np.random.Generator, skill: float) -> list[Belief]:
    found = []
    for number in range(50):
        answer = number % 4
        probs = rng.dirichlet(np.ones(4) + 4 * skill * (np.arange(4) == answer)).tolist()
        pred = probs.index(max(probs))
        item = Item(
            id=f"i{number:02d}", domain="d", question=f"{number}?", choices=tuple("wxyz"), answer=answer
        )
        found.append(
            Belief(
                item=item, probs=tuple(probs), pred=pred, confidence=probs[pred], correct=pred == answer,
                letter_mass=1.0, form="icl5", method="letter", preset="corrected",
            )
        )  # fmt: skip
    return found


def _run(folder: Path, *, model: str = "a" * 64, seed: int = 0) -> list[str]:
    """Prediction files and the manifest of a run; their paths."""
    paths = []
    for number, (who, form) in enumerate(product(MODELS, FORMS)):
        skill = 0.2 if who.startswith("incompatible") else 1.0
        path = f"predictions/law/{who}/{form}/letter/in_domain.parquet"
        write_beliefs(folder / path, _beliefs(np.random.default_rng([seed, number]), skill), {})
        paths.append(path)
    stages = {
        f"evaluate/law/{who}/{form}/letter/in_domain": {
            "status": "done",
            "outputs": {f"predictions/law/{who}/{form}/letter/in_domain.parquet": {}},
        }
        for who, form in product(MODELS, FORMS)
    }
    (folder / "manifest.json").write_text(json.dumps({"name": folder.name, "stages": stages}))
    answers = read_run(folder, paths, name=folder.name, model=model, probe_form="icl5", method="letter")
    analyse_run(folder, answers, threshold=0.5)
    return paths


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as handle:
        return list(csv.DictReader(handle))


def test_tables_hold_every_cell(tmp_path: Path) -> None:
    paths = _run(tmp_path)
    for name in OUTPUTS:
        assert "confounds" in name or "target_letters" in name or (tmp_path / name).is_file()
    results = _rows(tmp_path / "tables/results.csv")
    assert len(results) == len(paths)
    rows = _rows(tmp_path / "tables/consistency.csv")
    cells = {
        (row["before_model"], row["before_form"], row["after_form"]) for row in rows if row["seed"] == "0"
    }
    assert cells == {("base", a, b) for a, b in product(FORMS, FORMS)} | {("tuned", "icl5", "chat0")}
    (base,) = [row for row in rows if row["group"] == "base"]
    assert (base["before_model"], base["before_form"], base["after_form"]) == ("base", "icl5", "chat0")
    # A row against the beliefs themselves; categories are the base model's in the probe's form.
    (row,) = [
        row
        for row in rows
        if (row["group"], row["seed"], row["before_model"], row["before_form"], row["after_form"])
        == ("incompatible", "1", "base", "chat0", "chat0")
    ]
    before, after, probed = (
        read_beliefs(tmp_path / f"predictions/law/{who}/{form}/letter/in_domain.parquet")
        for who, form in (("base", "chat0"), ("incompatible/seed1", "chat0"), ("base", "icl5"))
    )
    expected = consistency_of(before, after)
    assert float(row["kl"]) == pytest.approx(expected.kl) and int(row["lost"]) == expected.lost
    lost = [one.correct and not two.correct for one, two in zip(before, after, strict=True)]
    sure = [one.confidence > 0.5 and one.correct for one in probed]
    assert int(row["known_lost"]) == sum(a and b for a, b in zip(lost, sure, strict=True))
    differences = _rows(tmp_path / "tables/differences.csv")
    assert {(row["left"], row["right"]) for row in differences} == {("harmonious", "incompatible")}
    assert {row["seed"] for row in differences if row["scope"] == "seed"} == {"0", "1"}
    claims = json.loads((tmp_path / "claims.json").read_text())
    assert claims["runs"][0]["probe_form"] == "icl5" and claims["excluded"] == {}
    assert claims["claims"][0]["verdict"] == "supported"


def test_what_the_answers_are_worth(tmp_path: Path) -> None:
    paths = _run(tmp_path)
    probed = [
        replace(
            one,
            asked_probs=one.probs[::-1],
            **{
                "draws": 4,
                "agreement": 0.25 * (1 + k % 4),
                "right_rate": 0.5,
                "category": "uncertain" if k % 2 else "known" if one.correct else "conflicting",
            },
        )
        for k, one in enumerate(_beliefs(np.random.default_rng(7), 1.0))
    ]
    write_beliefs(tmp_path / "beliefs" / "law.parquet", probed, {})
    answers = read_run(tmp_path, paths, name="r", model="a", probe_form="icl5", method="letter")
    analyse_run(tmp_path, answers, threshold=0.5)
    # 50 items: every other one uncertain, and agreement .25, .5, .75 and 1 in turn, ending in .25 and .5.
    (beliefs,) = _rows(tmp_path / "tables/beliefs.csv")
    assert [beliefs[name] for name in ("domain", "form", "n", "draws")] == ["law", "icl5", "50", "4"]
    known = sum(one.correct for one in probed[::2])
    assert [beliefs[name] for name in _CATEGORIES] == [str(known), str(25 - known), "25"]
    assert float(beliefs["agreement"]) == pytest.approx((12 * 2.5 + 0.75) / 50)
    assert float(beliefs["right_rate"]) == 0.5

    letters, calibration = (_rows(tmp_path / f"tables/{name}.csv") for name in ("letter_bias", "calibration"))
    keys = ("domain", "group", "seed", "form", "suite")
    asked = [tuple(row[key] for key in keys) for row in _rows(tmp_path / "tables/results.csv")]
    probe = ("law", "base", "", "icl5", "probe")
    for rows in (letters, calibration):
        assert [tuple(row[key] for key in keys) for row in rows] == [probe, *asked]
    # The probe's letters from its beliefs: the prior is of the letters as asked.
    shown = [row for row in _rows(tmp_path / "tables/letters.csv") if row["suite"] == "probe"]
    assert [row["letter"] for row in shown] == list("ABCD")
    shares = {name: [float(row[name]) for row in shown] for name in ("recall", "right", "answered", "prior")}
    assert shares["right"] == [0.26, 0.26, 0.24, 0.24] and letters[0]["letter_mass"] == "1.0"
    assert shares["prior"] == pytest.approx(np.mean([one.probs[::-1] for one in probed], axis=0))
    assert shares["answered"] == [sum(one.pred == place for one in probed) / 50 for place in range(4)]
    recall = [np.mean([one.correct for one in probed if one.item.answer == place]) for place in range(4)]
    assert shares["recall"] == pytest.approx(recall)
    assert float(letters[0]["rstd"]) == pytest.approx(np.std(recall))
    gold = np.eye(4)[[one.item.answer for one in probed]]
    brier = ((np.array([one.probs for one in probed]) - gold) ** 2).sum(axis=1).mean()
    assert float(calibration[0]["brier"]) == pytest.approx(brier)
    # ECE from the bins beside it; equal sizes up to one.
    bins = [row for row in _rows(tmp_path / "tables/reliability.csv") if row["suite"] == "probe"]
    sizes = [int(row["n"]) for row in bins]
    assert [row["bin"] for row in bins] == [str(k) for k in range(1, 16)]
    assert sum(sizes) == 50 and set(sizes) == {3, 4}
    ece = sum(int(row["n"]) * abs(float(row["confidence"]) - float(row["right"])) for row in bins) / 50
    assert float(calibration[0]["ece"]) == pytest.approx(ece)
    assert float(bins[0]["confidence"]) < min(float(row["confidence"]) for row in bins[1:])


def test_one_draw_and_cloze(tmp_path: Path) -> None:
    paths = _run(tmp_path)
    found = _beliefs(np.random.default_rng(7), 1.0)
    write_beliefs(tmp_path / "beliefs" / "law.parquet", found, {})
    path = tmp_path / paths[0]
    write_beliefs(path, [replace(one, method="cloze", letter_mass=None) for one in read_beliefs(path)], {})
    answers = read_run(tmp_path, paths, name="r", model="a", probe_form="icl5", method="letter")
    analyse_run(tmp_path, answers, threshold=0.5)
    (beliefs,) = _rows(tmp_path / "tables/beliefs.csv")
    sure = [one for one in found if one.confidence > 0.5]
    known = sum(one.correct for one in sure)
    counts = [str(known), str(len(sure) - known), str(50 - len(sure))]
    assert [beliefs[name] for name in _CATEGORIES] == counts
    assert (beliefs["draws"], beliefs["agreement"], beliefs["right_rate"]) == ("1", "", "")
    # Cloze asks for no letters, but its confidence can be judged.
    assert len(_rows(tmp_path / "tables/letter_bias.csv")) == len(paths)
    assert len(_rows(tmp_path / "tables/calibration.csv")) == len(paths) + 1


def test_items_left_out_count_nowhere(tmp_path: Path) -> None:
    paths = _run(tmp_path)
    excluded = {("law", "in_domain"): {"i00", "i01"}, ("law", "homogeneous"): {"i02"}}
    answers = read_run(
        tmp_path, paths, name="r", model="a", probe_form="icl5", method="letter", excluded=excluded
    )
    analyse_run(tmp_path, answers, threshold=0.5, excluded=excluded)
    for name, column in (
        ("results", "n"),
        ("consistency", "n"),
        ("differences", "items"),
        ("letter_bias", "n"),
    ):
        assert {row[column] for row in _rows(tmp_path / f"tables/{name}.csv")} == {"48"}
    claims = json.loads((tmp_path / "claims.json").read_text())
    assert claims["excluded"]["law/in_domain"] == ["i00", "i01"]
    assert claims["claims"][0]["findings"][0]["items"] == 48


def test_a_file_of_answers_that_is_gone_is_not_judged_without(tmp_path: Path) -> None:
    paths = _run(tmp_path)
    (tmp_path / paths[3]).unlink()
    with pytest.raises(InputError, match="is not a file") as gone:
        read_finished(tmp_path)
    assert gone.value.file == str(tmp_path / paths[3])


@pytest.mark.slow
def test_claims_command_pools_base_models(tmp_path: Path) -> None:
    one, two, twin = (tmp_path / name for name in ("one", "two", "twin"))
    _run(one)
    _run(two, model="b" * 64, seed=1)
    _run(twin)

    out = tmp_path / "both"
    done = harmonia("claims", one, two, "--out", out, "--json")
    assert done.returncode == 0, done.stderr
    pooled = json.loads(done.stdout)
    assert pooled == json.loads((out / "claims.json").read_text())
    page = (out / "report.html").read_text()
    assert 'href="../one/report.html"' in page and 'href="../two/report.html"' in page
    # The page shows the pooled figure, not that of a run.
    assert f"{pooled['claims'][0]['findings'][0]['details']['left']:.1f}" in page
    finding = pooled["claims"][0]["findings"][0]
    assert (finding["units"], finding["seeds"]) == (2, 2)
    alone = [json.loads((run / "claims.json").read_text())["claims"][0]["findings"][0] for run in (one, two)]
    assert finding["effect"] == pytest.approx((alone[0]["effect"] + alone[1]["effect"]) / 2)
    mixed = {row.model: row for row in MIXED_MODELS.read(out / "tables")}
    assert mixed["meta"].bases == 2 and "takes 3" in mixed["meta"].because
    assert mixed["logistic"].bases == 2 and mixed["logistic"].left_out == 0
    shown = harmonia("claims", one)
    assert shown.returncode == 0 and "C1: supported" in shown.stdout and "not computed" in shown.stdout
    for words, message in (((one, twin), "same base model"), ((tmp_path,), "has not been analysed")):
        failed = harmonia("claims", *words)
        assert failed.returncode == 2 and message in failed.stderr
