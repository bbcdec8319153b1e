"""What groups differ in: by hand, and the authors' published groups with the figures known of them."""

from __future__ import annotations

import json
import re
from dataclasses import asdict

import numpy as np
import pytest
from beliefs import make_belief
from scipy.spatial.distance import cityblock

from harmonia.groups import GroupSettings, build_groups
from harmonia.groups.balance import total_variation
from harmonia.groups.confounds import differences
from harmonia.probe import read_beliefs
from harmonia.prompts import ExamFormat
from harmonia.types import Conversation, Message

EXAM = ExamFormat()


def table(beliefs, instructions=(), **fields) -> dict[str, dict]:
    built = build_groups(beliefs, GroupSettings(**fields), EXAM, instructions)
    confounds, letters = differences("d", built.rows, beliefs)
    shares = {}
    for row in letters:
        shares.setdefault(row.group, []).append(row.share)
    return {row.group: {**asdict(row), "letters": shares[row.group]} for row in confounds}


def test_a_table_worked_by_hand():
    beliefs = [
        make_belief("r0", confidence=0.9, question="Abc?", explanation="The answer is A."),
        make_belief("r1", confidence=0.8, question="ABC", explanation="The answer is B."),
        make_belief("r2", confidence=0.7, question="Something else?"),
        make_belief("r3", answer=1, pred=1, confidence=0.6, question="Abcdef"),
        make_belief(
            "w0", answer=1, pred=0, confidence=0.6, question="Ab?", explanation="So the correct answer is D."
        ),
        make_belief("w1", answer=1, pred=0, confidence=0.6, question="Ac?", explanation="Because."),
        make_belief("w2", answer=2, pred=0, confidence=0.6, question="Ad?"),
        make_belief("w3", answer=3, pred=0, confidence=0.8, question="Ae?"),
    ]
    turns = (Message(role="user", content="Do"), Message(role="assistant", content="Did"))
    found = table(
        beliefs,
        [Conversation(id=str(k), line=k + 1, messages=turns) for k in range(9)],
        general_ratio=0.5,
        explanations="gold",
    )
    right, wrong, own = (found[name] for name in ("harmonious", "incompatible", "self_aligning"))
    assert (right["rows"], right["general"]) == (4, 2)
    assert (right["letters"], wrong["letters"]) == ([0.75, 0.25, 0, 0], [0, 0.5, 0.25, 0.25])
    assert own["letters"] == [1, 0, 0, 0]
    assert [one["letters_tv_harmonious"] for one in (right, wrong, own)] == [0, 0.75, 0.25]
    assert [one["letters_tv_uniform"] for one in (right, wrong, own)] == [0.5, 0.25, 0.75]
    assert [one["letters_tv_self_aligning"] for one in (right, wrong, own)] == [0.25, 1, 0]
    # .6 .6 .6 .8 against .6 .7 .8 .9: at .6 three quarters and one quarter.
    assert [one["confidence_ks_harmonious"] for one in (right, wrong, own)] == [0, 0.5, 0.5]
    # 3 3 3 3 against 3 4 6 15 characters.
    assert [one["question_chars_ks_harmonious"] for one in (right, wrong, own)] == [0, 0.75, 0.75]
    assert (right["repeated"], wrong["repeated"]) == (1, 0)  # Abc? and ABC
    assert [(one["labels_stated"], one["labels_flagged"]) for one in (right, wrong, own)] == [
        (2, 1),
        (1, 1),
        (1, 1),
    ]
    assert [one["explained"] for one in (right, wrong, own)] == [2, 2, 0]
    # Confidences .6 .7 .8 .9: tenth, middle, ninetieth between the ordered values.
    assert [right[f"confidence_p{share}"] for share in (10, 50, 90)] == pytest.approx([0.63, 0.75, 0.87])
    assert wrong["confidence_p50"] == pytest.approx(0.6)
    assert right["question_chars_p50"] == 5  # 3 4 6 15
    assert own["answer_chars_p50"] == len("A. w0 option 0")


def test_total_variation_against_scipy():
    draws = np.random.default_rng(0)
    for options in (2, 4, 9):
        one, other = draws.dirichlet(np.ones(options), 2)
        assert total_variation(one, other) == pytest.approx(cityblock(one, other) / 2)


def test_matched_groups_are_set_beside_their_own_kind():
    beliefs = [make_belief(f"r{k}", answer=k % 2, pred=k % 2) for k in range(8)]
    beliefs += [make_belief(f"w{k}", answer=1, pred=0) for k in range(8)]
    found = table(beliefs, match=(("letter",),))
    assert found["incompatible"]["letters_tv_harmonious"] == 0.5
    assert found["incompatible_matched_letter"]["letters_tv_harmonious"] == 0
    assert found["incompatible_matched_letter"]["rows"] == 4
    alone = table(beliefs, names=("incompatible",))
    assert alone["incompatible"]["letters_tv_harmonious"] is None
    assert alone["incompatible"]["letters_tv_self_aligning"] is None
    assert alone["incompatible"]["confidence_ks_harmonious"] is None


RIGHT, WRONG, OWN = (
    "consistent-correct-exp-sample",
    "inconsistent-golden-exp",
    "inconsistent-predict-model-exp",
)
CELLS = {
    ("mistral-7b", "engineering"),
    ("mistral-7b", "history"),
    ("mistral-7b", "jurisprudence"),
    ("mistral-7b", "medicine"),
    ("llama-2-7b", "engineering"),
    ("llama-2-7b", "history"),
}
ALL_BUT_BELIEVED = ("letter", "confidence", "length", "noise")
ALL = ("letter", "believed", "confidence", "length", "noise")


@pytest.fixture(scope="module")
def published(data_root, tmp_path_factory):
    """The authors' rows by (model, domain, file), and our table of the groups made of them."""
    rows, tables = {}, {}
    for model, domain in CELLS:
        folder = data_root / "published" / model / domain
        for name in (RIGHT, WRONG, OWN):
            if (folder / f"{name}.jsonl").exists():
                text = (folder / f"{name}.jsonl").read_text(encoding="utf-8")
                rows[model, domain, name] = [json.loads(line) for line in text.split("\n") if line]
        both = tmp_path_factory.mktemp(f"{model}-{domain}") / "beliefs.jsonl"
        both.write_text(
            "".join((folder / f"{name}.jsonl").read_text("utf-8") for name in (RIGHT, WRONG)), "utf-8"
        )
        tables[model, domain] = table(
            read_beliefs(both, domain=domain),
            match=(("letter",), ("confidence",), ("noise",), ALL_BUT_BELIEVED, ALL),
        )
    return rows, tables


@pytest.mark.slow
@pytest.mark.shared
def test_letters_of_the_published_groups(published):
    """Total variation .39 to .59 for LLaMA-2-7B, .09 to .22 for Mistral; A is LLaMA's letter."""
    rows, tables = published
    for (model, domain), found in tables.items():
        shares = {}
        for name, group in ((RIGHT, "harmonious"), (WRONG, "incompatible"), (OWN, "self_aligning")):
            if (model, domain, name) not in rows:
                continue
            counts = np.bincount([row["output"] for row in rows[model, domain, name]], minlength=4)
            shares[group] = counts / counts.sum()
            assert found[group]["letters"] == pytest.approx(list(shares[group]))
        apart = found["incompatible"]["letters_tv_harmonious"]
        assert apart == pytest.approx(abs(shares["harmonious"] - shares["incompatible"]).sum() / 2)
        low, high = (0.385, 0.595) if model == "llama-2-7b" else (0.085, 0.225)
        assert low < apart < high, (model, domain)
        # Of the matched groups the letters are the same, row for row.
        assert found["incompatible_matched_letter"]["letters_tv_harmonious"] == 0
        if model == "llama-2-7b":
            shown = found["incompatible_matched_letter"]["rows"], found["incompatible"]["rows"]
            assert shown[0] < 0.7 * shown[1], "letters cannot be matched without losing many rows"
            assert shares["harmonious"][0] > 0.45 and shares["incompatible"][0] < 0.09


@pytest.mark.slow
@pytest.mark.shared
def test_confidence_of_the_published_groups(published):
    """Median .64 to .90 of HARMONIOUS, .58 to .62 of INCOMPATIBLE (all models of the release)."""
    rows, tables = published
    for (model, domain), found in tables.items():
        for name, group, low, high in (
            (RIGHT, "harmonious", 0.635, 0.905),
            (WRONG, "incompatible", 0.57, 0.625),
        ):
            median = np.median([max(row["probs"]) for row in rows[model, domain, name]])
            assert found[group]["confidence_p50"] == pytest.approx(median)
            assert low < median < high
        gap = {
            kind: found[f"harmonious{kind}"]["confidence_p50"]
            - found[f"incompatible{kind}"]["confidence_p50"]
            for kind in ("", "_matched_confidence")
        }
        assert abs(gap["_matched_confidence"]) < gap[""] / 3


@pytest.mark.slow
@pytest.mark.shared
def test_label_noise_of_the_published_groups(published):
    """Where an explanation states a letter, 2.0 % of right and 25.7 % of wrong rows contradict the gold.

    Those are the figures of all sixteen cells of the release, by a pattern that sees next to none
    of medicine's ("Ans. is 'b'"), which hardly ever contradict it; five of the other cells are here.
    """
    rows, all_tables = published
    tables = {cell: found for cell, found in all_tables.items() if cell[1] != "medicine"}
    plainly = re.compile(r"answer (?:is|should be) (?:actually )?(?:option )?\"?([A-D])\"?[.:,]")
    for name, group, low, high in ((RIGHT, "harmonious", 0.005, 0.03), (WRONG, "incompatible", 0.22, 0.29)):
        stated = sum(found[group]["labels_stated"] for found in tables.values())
        flagged = sum(found[group]["labels_flagged"] for found in tables.values())
        assert low < flagged / stated < high
        # Independent: the plainest statements are among them, as often contradicted.
        said = [
            (match[1], row)
            for model, domain in tables
            for row in rows[model, domain, name]
            if (match := plainly.search(row["explanation"] or ""))
        ]
        others = sum("ABCD"[row["answer"]] != letter for letter, row in said)
        assert 100 < len(said) <= stated and others <= flagged
        assert low < others / len(said) < high
        (medicine,) = (found[group] for cell, found in all_tables.items() if cell[1] == "medicine")
        said = [row for row in rows["mistral-7b", "medicine", name] if re.match("Ans", row["explanation"])]
        assert 0.9 * len(said) < medicine["labels_stated"] and medicine["labels_flagged"] < 0.02 * len(said)
    for found in all_tables.values():
        matched = [one for name, one in found.items() if name.endswith("noise")]
        assert len(matched) == 9 and all(one["labels_flagged"] == 0 for one in matched)


@pytest.mark.slow
@pytest.mark.shared
def test_matching_of_the_published_groups(published):
    """Of all six cells letters taught and believed are the same after it, and KS is under .05."""
    _, tables = published
    for found in tables.values():
        plain = found["harmonious"]["rows"]
        assert found["incompatible"]["confidence_ks_harmonious"] > 0.24
        kinds = [
            f"{kind}_matched_{'_'.join(ALL)}" for kind in ("harmonious", "incompatible", "self_aligning")
        ]
        right, wrong, own = (found[name] for name in kinds)
        assert 0.2 * plain < right["rows"] == wrong["rows"] == own["rows"]
        assert right["letters"] == wrong["letters"] == own["letters"]
        for name in ("confidence_ks_harmonious", "question_chars_ks_harmonious"):
            assert max(wrong[name], own[name]) < 0.05
            assert found[f"incompatible_matched_{'_'.join(ALL_BUT_BELIEVED)}"][name] < 0.05
