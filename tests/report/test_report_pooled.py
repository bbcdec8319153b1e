"""Several runs on one page: the table of groups."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from report_run import SUITES
from test_report_page import parse, plain_spaces

from harmonia.analysis import ClaimsDocument, Difference, MixedModelRow
from harmonia.analysis.claims import JudgedRun
from harmonia.report.pooled import PooledRun, write_pooled_page

RUNS = [PooledRun(name=name, domains=("history",), link=f"../{name}/report.html") for name in ("one", "two")]
JUDGED = JudgedRun(name="one", model="m", probe_form="icl5", method="letter", domains=("history",))
NOTHING = ClaimsDocument(
    version=1, rule="This is the rule.", runs=(JUDGED,), claims=(), policies=(), excluded={}
)


def difference(left: str, right: str, suite: str) -> Difference:
    """Right in .55 of the questions against .4, the interval 5 below and 4 above."""
    return Difference(
        **{"scope": "all", "domain": "all", "suite": suite, "form": "chat0", "readout": "letter"},
        **{"left": left, "right": right},
        **{
            "seed": None,
            "items": 100,
            "clusters": None,
            "seeds": 1,
            "units": 2,
            "accuracy_left": 0.55,
            "accuracy_right": 0.4,
        },
        **{"difference": 0.15, "low": 0.1, "high": 0.19, "p": 0.01, "p_holm": 0.02},
        **{"test": "items_and_seeds", "left_only": None, "right_only": None},
    )


MIXED: Any = {
    **{"suite": "in_domain", "form": "chat0", "readout": "letter"},
    **{"left": "harmonious", "right": "incompatible", "bases": 3, "models": 12, "items": 9, "answers": 99},
}


@pytest.mark.parametrize("zero", ["incompatible", "mixed_0"])
def test_groups_stand_against_ratio_0_by_either_name(zero: str, tmp_path: Path) -> None:
    rows = [difference("mixed_0.5", zero, suite) for suite in SUITES]
    rows += [
        difference("harmonious", zero, "in_domain"),
        difference("policy_known_only", "policy_all", "in_domain"),
    ]
    mixed = [
        MixedModelRow(**MIXED, model="meta", term="difference", estimate=0.123, low=-0.02, high=0.3),
        MixedModelRow(**MIXED, model="logistic", term="known", because="one tuned model a group"),
        MixedModelRow(**MIXED, model="logistic", term="conflicting", because="one tuned model a group"),
        MixedModelRow(**MIXED, model="logistic", term="uncertain / known", estimate=7.7, low=1.1, high=9.0),
    ]
    runs = [replace(RUNS[0], stages={"fit/a": "done", "fit/b": "failed"}), RUNS[1]]
    page = write_pooled_page(tmp_path / "both", runs, NOTHING, rows, mixed).read_text(encoding="utf-8")
    said = "one: 1 of 2 tasks failed: fit/b. What needs them is missing here; the page of one says why."
    assert said in page[: page.index("<nav")]
    assert 0 < page.index('class="headline"') < page.index('class="lead"')
    tables = parse(plain_spaces(page)).tables
    (sampled,) = tables["Base models as a sample: difference of the shares right, in percentage points"]
    assert (
        sampled["estimate"] == "+12.3 | −2.0 to +30.0"
        and sampled["pair"] == "harmonious against incompatible"
        and "spread" not in sampled  # a column that would be empty
    )
    assert "Single answers: no estimate, because one tuned model a group." in page
    assert not any(caption.startswith("Single answers") for caption in tables)
    assert "2 base models, 2 units (a base model in a domain), 1 fine-tuning seed in each" in page
    assert "This is the rule." in page and (tmp_path / "both" / "figures" / "sweep.svg").is_file()
    table = parse(plain_spaces(page)).tables["Share of questions answered right"]
    shown = {row["group"]: [row["class"], *(row[suite] for suite in SUITES)] for row in table}
    beside = "55.0 % | +15.0 (+10.0 to +19.0)"
    assert shown == {
        "harmonious": ["", "–", beside, "–"],
        zero.replace("_", " "): ["marked", *["40.0 %"] * 3],
        "mixed 0.5": ["", *[beside] * 3],
    }
