"""`harmonia groups` and `harmonia leakage` as a user types them."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from command_line import harmonia

from harmonia.data import read_conversations
from harmonia.probe import write_beliefs
from harmonia.types import Belief, Item


def _belief(number: int) -> Belief:
    answer, right = number % 4, number % 3 != 0
    pred = answer if right else (answer + 1) % 4
    probs = tuple(0.7 if option == pred else 0.1 for option in range(4))
    item = Item(
        id=f"q{number}",
        domain="law",
        question=f"What is number {number}?",
        choices=tuple(f"value {option} of {number}" for option in range(4)),
        answer=answer,
        explanation=f"Number {number} was found by counting. The answer is {'ABCD'[answer]}.",
    )
    return Belief(
        item=item,
        probs=probs,
        pred=pred,
        confidence=max(probs),
        correct=right,
        letter_mass=0.9,
        form="icl5",
        method="letter",
        preset="corrected",
    )


@pytest.fixture(scope="module")
def beliefs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("beliefs") / "beliefs.parquet"
    write_beliefs(path, [_belief(number) for number in range(60)], {})
    return path


def test_every_kind_of_group_from_one_command(beliefs: Path, tmp_path: Path) -> None:
    own = [
        {"id": f"q{k}", "target": (k + 1) % 4, "text": f"I think so, {k}.", "tries": 1}
        for k in range(3, 60, 3)
    ]
    (tmp_path / "own.jsonl").write_text("".join(json.dumps(row) + "\n" for row in own))
    made = harmonia(
        *("groups", "--beliefs", beliefs, "--out", "g", "ratios=[0,1]", "--json"),
        *("--names", "harmonious,incompatible,self_aligning,contextualised"),
        *("groups.match=[[letter],[letter,confidence]]", "policies.names=[all,known_only,mixed_0.5]"),
        *("policies.budget=12", "groups.explanations=own", "--explanations-from", "own.jsonl"),
        cwd=tmp_path,
    )
    assert made.returncode == 0, made.stderr
    found = json.loads(made.stdout)
    # q0 has no explanation of its own answer; its partner goes with it.
    assert found["left_out"] == {"no explanation of the option taught": 1} and found["size"] == 19
    names = {path.stem: len(read_conversations(path).rows) for path in (tmp_path / "g").glob("*.jsonl")}
    assert set(names) == set(found["groups"]) == {row["group"] for row in found["confounds"]}
    assert len(names) == 3 * (4 + 2) + 3
    assert names["contextualised"] == names["mixed_1"] == 19 and names["policy_all"] in (11, 12)
    with (tmp_path / "g/confounds.csv").open(encoding="utf-8", newline="") as handle:
        table = {row["group"]: row for row in csv.DictReader(handle)}
    assert table["incompatible_matched_letter"]["letters_tv_harmonious"] == "0.0"
    assert {row["labels_flagged"] for row in table.values()} == {"0"}
    rows = (tmp_path / "g/contextualised.jsonl").read_text().splitlines()
    first = json.loads(rows[0])["messages"]
    assert first[0]["content"].startswith("Number 3 was found by counting.\nWhat is number 3?\nA. value 0")
    assert first[1]["content"] == "D. value 3 of 3\nNumber 3 was found by counting. The answer is D."


def test_the_table_is_shown(beliefs: Path, tmp_path: Path) -> None:
    made = harmonia("groups", "--beliefs", beliefs, "--out", "g", "shuffle_options=true", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    assert "40 right, 20 wrong" in made.stdout and "self_aligning" in made.stdout
    assert "total variation" in made.stdout


def test_options_that_speak_of_others_are_told(tmp_path: Path) -> None:
    said = "Ans. is 'c' i.e., both"
    row = {"choices": ["iron", "zinc", "both A and B", "tin"], "answer": 2, "explanation": said}
    right, wrong = [0.1, 0.1, 0.7, 0.1], [0.1, 0.1, 0.1, 0.7]
    rows = [
        row | {"id": f"q{k}", "question": f"Which {k}?", "probs": (right, wrong)[k % 2]} for k in range(4)
    ]
    rows[0]["choices"] = rows[1]["choices"] = ["iron", "zinc", "lead", "tin"]
    (tmp_path / "b.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = ("shuffle_options=true", "explanations=gold")
    made = harmonia("groups", "--beliefs", "b.jsonl", "--out", "g", *words, cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    assert "2 items keep their own order: options that speak of other options" in made.stdout
    assert "2 explanations left out" in made.stdout
    assert list(json.loads((tmp_path / "g/summary.json").read_text())["told"].values()) == [2, 2]
    kept = [json.loads(line) for line in (tmp_path / "g/harmonious.jsonl").read_text().splitlines()]
    assert {row["id"]: row["explanation"] for row in kept} == {"q0": "", "q2": said}
    assert next(row["target"] for row in kept if row["id"] == "q2") == 2


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["match=[[letters]]"], ["match", "letters"]),
        (["policies.names=[everything]"], ["no policy 'everything'"]),
        (["--names", "harmonious,wrong"], ["names", "wrong"]),
        (["ratios=[0,half]"], ["ratios", "half"]),
        (["explanations=own"], ["lack a text", "explanations"]),
        (["policies.names=[all,mostly_uncertain]"], ["policy mostly_uncertain has no row"]),
        (["contexts=missing.jsonl"], ["missing.jsonl"]),
    ],
)
def test_bad_input_writes_nothing(
    beliefs: Path, tmp_path: Path, words: list[str], expected: list[str]
) -> None:
    made = harmonia("groups", "--beliefs", beliefs, "--out", "g", *words, cwd=tmp_path)
    assert made.returncode == 2, made.stderr
    assert "Traceback" not in made.stderr
    for part in expected:
        assert part in made.stderr
    assert not list(tmp_path.iterdir())


def test_leakage_is_listed(tmp_path: Path) -> None:
    for name, questions in (
        ("train", ["What is it?", "Who is it?"]),
        ("test", ["what is it", "Where is it?"]),
    ):
        rows = [{"id": k, "question": q, "choices": ["x", "y"], "answer": 0} for k, q in enumerate(questions)]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = ("leakage", "--train", "train.jsonl", "--suite", "test.jsonl")
    made = harmonia(*words, "--out", "found.csv", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    assert "normalised" in made.stdout and "train.jsonl 0, test.jsonl 0" in made.stdout
    with (tmp_path / "found.csv").open(encoding="utf-8", newline="") as handle:
        (row,) = csv.DictReader(handle)
    assert (row["kind"], row["left_id"], row["right"], row["text"]) == (
        "normalised",
        "0",
        "test.jsonl",
        "what is it",
    )
    made = harmonia("leakage", "--train", "train.jsonl", "--suite", "train.jsonl", "--json", cwd=tmp_path)
    assert [one["kind"] for one in json.loads(made.stdout)] == ["exact", "exact"]
    made = harmonia(*words, "leakage.ngram=2", cwd=tmp_path)
    assert made.returncode == 2 and "ngram" in made.stderr
