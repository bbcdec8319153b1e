"""Claim cards, differences with intervals, confounds and policies on the page."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from report_run import SUITES, cell, cells, confounds, summary, target_letters, write_run, write_table
from test_report_page import parse, plain_spaces

from harmonia.errors import InputError
from harmonia.report import write_report


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    run = write_run(tmp_path_factory.mktemp("compared") / "run", compared=True)
    return plain_spaces(write_report(run).read_text(encoding="utf-8"))


def test_cards_show_effect_interval_and_what_would_decide(page: str) -> None:
    assert 'C1: <span class="verdict">inconclusive' in page and "<p>One beats another.</p>" in page
    # As PAPER.md has them.
    assert (
        "11.27 points on homogeneous questions, 14.58 on in-domain and 14.57 on out-of-domain ones." in page
    )
    assert (
        "from 0.78 to 0.87 (p below 0.05), over 32 pairs of domain and ratio each of Mistral-7B and" in page
    )
    assert page.count("This is the rule.") == page.count("if the effect stays as it is") == 1
    (row,) = parse(page).tables["C1: findings"]
    assert row["what"] == "accuracy after harmonious minus after incompatible | percentage points"
    assert row["verdict"] == "inconclusive"
    over = "200 questions, 57 clusters, 2 seeds and 2 units"
    assert row["homogeneous"] == f"+10.0 | +2.5 to +17.5 | supported | {over}"
    decides = "inconclusive: 321 questions would decide it"
    # -0.04 rounds to no sign
    assert row["in_domain"] == f"0.0 | −9.0 to +9.0 | {decides} | 200 questions, 2 seeds and 2 units"
    assert row["out_of_domain"] == "not computed | because nobody asked <them>"
    (row,) = parse(page).tables["C4: findings"]
    assert row["what"] == "partial Spearman | correlation"
    assert row["in_domain"].startswith("−0.40 | −0.62 to −0.18 | contradicted")
    for kind in ("tex", "csv"):
        assert f'href="figures/table-c1-findings.{kind}"' in page
    assert "<them>" not in page
    missing = page[page.index('id="limits"') :]
    assert re.findall(r"<dt>(.*?)</dt>", missing) == ["claim C1 on out-of-domain questions"]


def test_differences_take_the_place_of_ranges(page: str) -> None:
    # All domains: (14 + 6) / 2 points; the interval 5 below and 4.5 above.
    rows = parse(page).tables["Differences in accuracy in chat form, percentage points"]
    assert len(rows) == 3 * 2 * len(SUITES)  # one seed's rows stay in the file
    assert rows[0] == {
        "class": "marked",
        "domain": "all",
        "pair": "harmonious minus incompatible",
        "suite": "homogeneous",
        "asked": "chat0, letters",
        "difference": "+10.0 | +5.0 to +14.5",
        "over": "200 questions and 1 seed",
        "p": "< 0.001",
        "p_holm": "0.012",
    }


def test_confounds_and_policies(page: str) -> None:
    rows = parse(page).tables["engineering: what else differs between the training sets"]
    assert [row["group"] for row in rows] == ["harmonious", "incompatible", "self-aligning"]
    assert (rows[0]["tv_harmonious"], rows[1]["tv_harmonious"]) == ("–", "0.25")
    assert [rows[1][name] for name in ("tv_believed", "ks", "ks_question")] == ["0.50", "0.31", "0.07"]
    assert rows[0]["flagged"] == "26 of 100" and rows[0]["confidence"] == "60.0 % | 60.0 to 60.0 %"
    won = {
        row["suite"]: row
        for row in parse(page).tables["Policies: accuracy in chat form, mean over domains and seeds"]
    }
    assert won["in-domain"]["won"] == "weighted" and won["in-domain"]["policy_weighted"] == "61.0 %"
    assert won["homogeneous"]["won"] == "none can be told from the best"


def test_groups_of_several_seeds_stand_side_by_side(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    write_table(run, "confounds", [*({**row, "seed": 1, "rows": 190} for row in confounds()), *confounds()])
    letters = [{**row, "seed": 1, "share": 0.5} for row in target_letters()]
    write_table(run, "target_letters", [*target_letters(), *letters])
    noted = json.loads((run / "manifest.json").read_text())
    noted["stages"]["groups/history/seed1"] = {"status": "done"}
    (run / "manifest.json").write_text(json.dumps(noted))
    (run / "groups/history/seed1").mkdir()
    (run / "groups/history/seed1/summary.json").write_text(json.dumps({**summary(), "size": 190}))
    text = plain_spaces(write_report(run).read_text(encoding="utf-8"))
    assert "takes 190 or 200 of them, with 200 general instructions mixed in, drawn anew for each" in text
    assert "takes 200 of them, with 200 general instructions mixed in." in text
    for caption in ("history: what else differs between the training sets", "history: training sets"):
        rows = parse(text).tables[caption]
        assert [(row["group"], row["seed"], row["rows"]) for row in rows[:3]] == [
            ("harmonious", "0", "200"),
            ("harmonious", "1", "190"),
            ("incompatible", "0", "200"),
        ]
    assert [row["letter A"][:6] for row in rows[:2]] == ["63.0 %", "50.0 %"]


def test_a_set_of_general_instructions_alone_has_no_letters(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    empty = {key: "" for key in confounds()[0] if "_p" in key or "_tv_" in key or "_ks_" in key}
    counts = {"rows": 0, "repeated": 0, "labels_stated": 0, "labels_flagged": 0, "explained": 0}
    alone = {**confounds()[0], **empty, **counts, "group": "general_only"}
    write_table(run, "confounds", [*confounds(), alone])
    found = parse(plain_spaces(write_report(run).read_text(encoding="utf-8"))).tables
    row = found["engineering: what else differs between the training sets"][-1]
    dashes = {name for name, text in row.items() if text == "–"}
    assert (row["group"], row["rows"], row["letters"]) == ("general only", "0", "")
    letters = {"tv_harmonious", "tv_believed", "tv_uniform"}
    assert dashes == letters | {"confidence", "ks", "ks_question", "question", "reply", "flagged"}


def test_a_model_compared_with_itself_is_no_paper_row(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    write_report(run)
    drawn = (run / "figures" / "agreement-history.svg").read_bytes()
    itself = {**cell("history", "harmonious", 0, "in_domain", "icl5", "chat0"), "before_model": "tuned"}
    write_table(run, "consistency", [*cells(), itself])
    text = plain_spaces(write_report(run).read_text(encoding="utf-8"))
    rows = parse(text).tables["history: how far the answers moved, by letters"]
    (shown,) = (row for row in rows if row.get("itself icl5 → chat0 rank_agreement", "–") != "–")
    assert (shown["group"], shown["suite"]) == ("harmonious", "in-domain")
    assert (run / "figures" / "agreement-history.svg").read_bytes() == drawn


def test_broken_claims_are_named(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", compared=True)
    found = json.loads((run / "claims.json").read_text())
    del found["claims"][0]["verdict"]
    (run / "claims.json").write_text(json.dumps(found))
    with pytest.raises(InputError, match=r"claims\.0\.verdict") as caught:
        write_report(run)
    assert "claims.json" in str(caught.value)
