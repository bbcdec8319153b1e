"""The authors' own probe records, taken as beliefs, give back the authors' own groups."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harmonia.data import read_conversations
from harmonia.groups import GroupSettings, build_groups, write_group
from harmonia.probe import read_beliefs, write_beliefs
from harmonia.prompts import ExamFormat

pytestmark = pytest.mark.shared

RIGHT, GOLDEN, PREDICTED = (
    "consistent-correct-exp-sample",
    "inconsistent-golden-exp",
    "inconsistent-predict-model-exp",
)
CELLS = [
    *(("mistral-7b", domain) for domain in ("engineering", "history", "jurisprudence", "medicine")),
    *(("llama-2-7b", domain) for domain in ("engineering", "history")),
]


def rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def test_no_published_domain_is_left_out(data_root):
    folders = {path.parent for path in (data_root / "published").rglob("*.jsonl")}
    assert {(folder.parent.name, folder.name) for folder in folders} == set(CELLS)


@pytest.mark.parametrize(("model", "domain"), CELLS)
def test_their_beliefs_give_back_their_groups(data_root, tmp_path, model, domain):
    folder = data_root / "published" / model / domain
    right, golden = rows(folder / f"{RIGHT}.jsonl"), rows(folder / f"{GOLDEN}.jsonl")
    together = tmp_path / "beliefs.jsonl"
    together.write_text(
        "".join((folder / f"{name}.jsonl").read_text(encoding="utf-8") for name in (RIGHT, GOLDEN)),
        encoding="utf-8",
    )
    beliefs = read_beliefs(together, domain=domain)
    assert len(beliefs) == len(right) + len(golden)
    published = {str(row["id"]): row for row in right + golden}
    for belief in beliefs:
        row = published[belief.item.id]
        assert (belief.pred, belief.correct, list(belief.probs)) == (
            row["pred"],
            row["correct"],
            row["probs"],
        )

    groups = build_groups(beliefs, GroupSettings(threshold=0.5, explanations="gold"), ExamFormat()).rows
    targets = {name: {row.id: row.target for row in group} for name, group in groups.items()}
    assert targets["incompatible"] == {str(row["id"]): row["output"] for row in golden}
    assert targets["incompatible"] == {str(row["id"]): row["answer"] for row in golden}
    if (folder / f"{PREDICTED}.jsonl").exists():
        predicted = {str(row["id"]): row["output"] for row in rows(folder / f"{PREDICTED}.jsonl")}
    else:
        assert (model, domain) in {("mistral-7b", "medicine"), ("llama-2-7b", "history")}
        predicted = {str(row["id"]): row["pred"] for row in golden}
    assert targets["self_aligning"] == predicted
    assert targets["harmonious"] == {str(row["id"]): row["output"] for row in right}
    assert {len(group) for group in groups.values()} == {len(golden)}
    for row in groups["incompatible"]:
        assert row.explanation == (published[row.id]["explanation"] or "")
    assert not any(row.explanation for row in groups["self_aligning"])

    # Nor does a way through Parquet, or the order of the records, change them.
    write_beliefs(tmp_path / "beliefs.parquet", beliefs[::-1], {})
    again = build_groups(
        read_beliefs(tmp_path / "beliefs.parquet"), GroupSettings(explanations="gold"), ExamFormat()
    ).rows
    assert {name: {row.id: row.target for row in group} for name, group in again.items()} == targets
    write_group(tmp_path / "group.jsonl", groups["incompatible"])
    assert len(read_conversations(tmp_path / "group.jsonl").rows) == len(golden)
