"""Verdicts that rounding in the model could change."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from test_audit import CAPITALS, lines

import harmonia
from harmonia.audit.rule import ENTROPY_ROUNDING, Signals, category_of, is_borderline
from harmonia.audit.settings import RuleSettings
from harmonia.models.fake import FakeModel

ROW = {"stakes": 1, "trained": 0.2, "gap": 0.1, "confident": False, "entropy": 0.5}
FIGHTS = {"trained": 0.01, "confident": True}


@pytest.mark.parametrize(
    ("signals", "near"),
    [
        ({}, False),
        # Within .01 of `known`, and farther.
        ({"trained": 0.491, "entropy": 0.0}, True),
        ({"trained": 0.489, "entropy": 0.0}, False),
        # An entropy within four such bounds of `open`, and farther.
        ({"entropy": 0.97}, True),
        ({"entropy": 0.95}, False),
        # Two probabilities move apart: by .02.
        ({**FIGHTS, "gap": 0.485}, True),
        ({**FIGHTS, "gap": 0.475}, False),
        # Whether it is a confident conflict at all.
        ({**FIGHTS, "gap": 0.9}, False),
        ({**FIGHTS, "gap": 0.9, "doubtful": True}, True),
        # Its own answers agree, whatever the words at stake say.
        ({**FIGHTS, "gap": 0.9, "doubtful": True, "agreement": 1.0, "steady": 1.0}, False),
        ({"trained": 0.491, "entropy": 0.0, "stakes": 0}, False),
    ],
)
def test_a_verdict_near_a_threshold_is_borderline(signals, near: bool) -> None:
    one, rule = Signals(**{**ROW, **signals}), RuleSettings()
    assert ENTROPY_ROUNDING == 4
    assert is_borderline(one, [one], rule, 0.01) == near
    assert not is_borderline(one, [one], rule, 0.0)
    # What it means: some values within the bounds come to another category.
    moved = [
        Signals(
            **{**ROW, **signals, "trained": one.trained + a, "gap": one.gap + b, "entropy": one.entropy + c}
        )
        for a in (-0.0099, 0.0099)
        for b in (-0.0199, 0.0199)
        for c in (-0.0399, 0.0399)
    ]
    if not one.doubtful:
        assert near == any(category_of(other, rule) != category_of(one, rule) for other in moved)


# The words at stake are within .01 of `known` (.5): there the row is asked for its own answers, or not.
EDGE = {"trained": 0.491, "entropy": 0.0}
AGREES, SETTLED = {"agreement": 1.0, "steady": 1.0}, {"agreement": 0.0, "steady": 1.0}


@pytest.mark.parametrize(
    ("means", "draws", "near"),
    [
        # Within .04 nats of `open` (1): unknown or uncertain by its words alone, so asked in either case.
        # What it says settles it: conflicting, or known. Without that it is the entropy that decides.
        ({"entropy": 0.99, **SETTLED}, [{"entropy": 0.99, **SETTLED}], False),
        ({"entropy": 0.99, **AGREES}, [{"entropy": 0.99, **AGREES}], False),
        ({"entropy": 0.99, "agreement": 0.0, "steady": 0.6}, [{"entropy": 0.5}], True),
        # Known without its own answers, conflicting with them.
        ({**EDGE, **SETTLED}, [{**EDGE, **SETTLED}], True),
        # Known in either case, and so is the draw.
        ({**EDGE, **AGREES}, [{"trained": 0.9, **AGREES}], False),
        # Known in either case. The draw is known by its own answers alone: if asked, it counts.
        ({**EDGE, **AGREES}, [{"trained": 0.2, **AGREES}], True),
        # The same far from `known`: always asked.
        ({**AGREES}, [{"trained": 0.2, **AGREES}], False),
        # A draw between unknown and uncertain does not count among those that find the row known.
        ({**AGREES}, [{"entropy": 0.99, "agreement": 0.0, "steady": 0.6}], False),
        # One between known and uncertain counts, or not: the confidence differs.
        ({**AGREES}, [{**EDGE, "agreement": 0.0, "steady": 0.6}], True),
    ],
)
def test_its_own_answers_decide_a_row_whatever_its_words_alone_come_to(means, draws, near: bool) -> None:
    found = [Signals(**{**ROW, **one}) for one in (means, *draws)]
    assert is_borderline(found[0], found[1:], RuleSettings(), 0.01) == near


@pytest.mark.slow  # two audits of nine rows
def test_borderline_rows_are_flagged_and_counted(tmp_path: Path) -> None:
    probs = dict(zip(CAPITALS, (0.9, 0.9, 0.52, 0.9, 0.9, 0.46, 0.9, 0.9), strict=True))

    def says(text: str) -> Mapping[str, float]:
        land = text.rstrip().rpartition("capital of ")[2].partition("?")[0]
        if land not in CAPITALS:
            return {" A": 0.53, " B": 0.47}
        # The first letter has it all, and `trained` is the mean over the letters.
        return {f" {CAPITALS[land]}": probs[land] ** len(CAPITALS[land])}

    path = tmp_path / "capitals.jsonl"
    rows = [
        {"id": land, "instruction": f"The capital of {land}?", "output": city}
        for land, city in CAPITALS.items()
    ]
    chosen = {"id": "choice", "instruction": "Which is it?\nA. lead\nB. gold", "output": "A"}
    path.write_text(lines([*rows, chosen]))
    exact, rounded = FakeModel(says), FakeModel(says, name="rounded")
    rounded.rounding = 0.05
    how = {"draws": 1, "samples": 0, "shots": 1, "rule": {"likely": 1000, "open": 1000}}
    plain = harmonia.audit(exact, path, **how)
    assert not any(row.borderline for row in plain)
    found = harmonia.audit(rounded, path, out=tmp_path / "audit", **how)
    near = {row.id for row in found if row.borderline}
    assert near == {"Norway", "Cuba", "choice"}
    assert {row.id for row in found if row.kind == "open" and abs(row.trained - 0.5) < 0.05} == near - {
        "choice"
    }
    summary = json.loads((tmp_path / "audit" / "summary.json").read_text())
    assert summary["rows_borderline"] == len(near)
    said = f"borderline rows, whose category rounding could change: {len(near)} of {len(CAPITALS) + 1}"
    assert any(note.startswith(said) for note in summary["notes"])
    assert said in (tmp_path / "audit" / "report.html").read_text()
