"""Sets as trainers read them: TRL itself; LLaMA-Factory's and axolotl's by what their pages say.

The real `llamafactory` and `axolotl` are no dependencies; docs/log.md says what they read of such files.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from datasets import load_dataset
from transformers import LlamaConfig, LlamaForCausalLM
from trl import SFTConfig, SFTTrainer

import harmonia
from harmonia.errors import InputError
from harmonia.models.fake import FakeModel

SYSTEM = {"role": "system", "content": "Be brief."}
TWO = [
    {"role": "user", "content": "What is 1 and 1?"},
    {"role": "assistant", "content": "2", "weight": 0},
    {"role": "user", "content": "And 2 and 2?"},
    {"role": "assistant", "content": "4"},
]


def turns(asked: str, said: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": asked}, {"role": "assistant", "content": said}]


ROWS = [
    {"id": "system", "messages": [SYSTEM, *turns("Name a metal.", "Iron.")]},
    {"id": "two", "messages": TWO},
    {"id": "heavy", "messages": turns("Name a salt.", "Halite."), "weight": 2.5},
    {"id": "nothing", "messages": turns("Name a gas.", "Argon."), "weight": 0},
    {"id": "late", "messages": turns("Name a sea.", "Aral."), "from_epoch": 1},
]


def says(text: str) -> Mapping[str, float]:
    """A model that believes nothing, and rewrites what it is shown, but for one fact."""
    shown = text.rpartition("A right answer: ")[2].partition("\n\n")[0]
    if text.endswith("in other words:"):
        return {" It is something.\n": 1.0} if shown == "Iron." else {f" I say: {shown}\n": 1.0}
    return {f" {letter}": 0.1 for letter in "klmnopqrst"}


@pytest.fixture
def audit(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    harmonia.audit(FakeModel(says), path, out=tmp_path / "audit", shots=1, draws=1, samples=0)
    return tmp_path / "audit"


def plain(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"role": turn["role"], "content": turn["content"]} for turn in messages]


def test_jsonl_carries_all(audit: Path, tmp_path: Path) -> None:
    summary = harmonia.curate(audit, policy="all").save(tmp_path / "set.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "set.jsonl").read_text().splitlines()]
    assert [row["messages"] for row in rows] == [row["messages"] for row in ROWS]
    assert [(row["weight"], row["from_epoch"]) for row in rows] == [(1, 0), (1, 0), (2.5, 0), (0, 0), (1, 1)]
    assert [row["line"] for row in rows] == [1, 2, 3, 4, 5]
    assert not any("not carried" in note for note in summary["notes"])


# TRL's own settings name an argument that transformers is about to rename.
@pytest.mark.filterwarnings("ignore:.gradient_checkpointing. is deprecated:FutureWarning")
@pytest.mark.slow
def test_trl_reads_its_set(audit: Path, tmp_path: Path) -> None:
    out = tmp_path / "set.jsonl"
    summary = harmonia.curate(audit, policy="all").save(out, format="trl")
    assert [note for note in summary["notes"] if "not carried" in note] == [
        "not carried by trl: rows of weight 0, left out of the control: 1",
        "not carried by trl: rows with answers that are learned, though the file says not: 1",
        "not carried by trl: rows whose weight is not told: 1",
        "not carried by trl: rows of weight 0, left out: 1",
        "not carried by trl: rows shown from the first epoch on, not later: 1",
    ]
    rows = load_dataset("json", data_files=str(out), split="train", cache_dir=str(tmp_path / "cache"))
    kept = [row for row in ROWS if row["id"] != "nothing"]
    assert [plain(row) for row in rows["messages"]] == [plain(row["messages"]) for row in kept]
    tuned = tmp_path / "tuned"
    tokenizer = FakeModel(says).tokenizer
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    model = LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), **sizes))
    tokenizer.chat_template = "{% for turn in messages %}{{ turn.role }}: {{ turn.content }}\n{% endfor %}"
    how = SFTConfig(output_dir=str(tuned), max_steps=1, use_cpu=True, report_to=[], save_strategy="no")
    trainer = SFTTrainer(model, args=how, train_dataset=rows, processing_class=tokenizer)
    read = [tokenizer.decode(row["input_ids"]) for row in trainer.train_dataset]
    for text, row in zip(read, kept, strict=True):
        places = [text.find(turn["content"]) for turn in row["messages"]]
        assert places == sorted(places) and -1 not in places
    assert trainer.train().training_loss > 0


def test_llama_factory_finds_its_entry_and_others_stay(audit: Path, tmp_path: Path) -> None:
    info = tmp_path / "dataset_info.json"
    info.write_text(json.dumps({"mine": {"file_name": "mine.json"}}))
    harmonia.curate(audit, policy="all").save(tmp_path / "set.jsonl", format="llamafactory")
    known = json.loads(info.read_text())
    assert set(known) == {"mine", "set", "set_random"}
    for name in ("set", "set_random"):
        entry = known[name]
        rows = [json.loads(line) for line in (tmp_path / entry["file_name"]).read_text().splitlines()]
        assert len(rows) == 4
        for row in rows:
            said = row[entry["columns"]["messages"]]
            tags = entry["tags"]
            roles = [turn[tags["role_tag"]] for turn in said]
            spoken = roles[1:] if roles[0] == tags["system_tag"] else roles
            # What its reader requires: user and assistant in turn, and pairs of them.
            assert spoken == [tags["user_tag"], tags["assistant_tag"]] * (len(spoken) // 2)
            assert all(isinstance(turn[tags["content_tag"]], str) for turn in said)
    info.write_text("[]")
    with pytest.raises(InputError, match="is not a JSON object"):
        harmonia.curate(audit, policy="all").save(tmp_path / "other.jsonl", format="llamafactory")
    assert not (tmp_path / "other.jsonl").exists()


def test_axolotl_is_told_which_turns_are_learned(audit: Path, tmp_path: Path) -> None:
    out = tmp_path / "set.jsonl"
    summary = harmonia.curate(audit, policy="all").save(out, format="axolotl")
    assert not any("learned" in note for note in summary["notes"])
    (entry,) = yaml.safe_load((tmp_path / "set.yml").read_text())["datasets"]
    assert (entry["path"], entry["ds_type"], entry["type"]) == (str(out), "json", "chat_template")
    rows = {row["id"]: row for row in map(json.loads, out.read_text().splitlines())}
    marks = [turn[entry["message_field_training"]] for turn in rows["two"][entry["field_messages"]]]
    assert marks == [False, False, False, True]
    (tmp_path / "mine.yml").write_text("base_model: x\n")
    with pytest.raises(InputError, match="harmonia did not write it"):
        harmonia.curate(audit, policy="all").save(tmp_path / "mine.jsonl", format="axolotl")


def test_rewritten_answers_keep_the_fact_or_the_row_keeps_its_answer(audit: Path) -> None:
    found = harmonia.curate(audit, policy="self_distil", model=FakeModel(says))
    said = {
        one.row.id: (one.changed, [turn.content for turn in one.row.messages if turn.role == "assistant"])
        for one in found
    }
    assert said == {
        "system": ("none", ["Iron."]),  # "It is something." does not say it
        "two": ("rewritten", ["2", "I say: 4"]),  # what is not learned is not rewritten
        "heavy": ("rewritten", ["I say: Halite."]),
        "nothing": ("rewritten", ["I say: Argon."]),
        "late": ("rewritten", ["I say: Aral."]),
    }
    assert "answers kept as they were (does not keep the fact): 1" in found.notes
    assert found.clean
    # A model of another name is another one, which is told; its audit was by the one above.
    other = "texts written by another model than was audited"
    assert not any(note.startswith(other) for note in found.notes)
    found = harmonia.curate(audit, policy="self_distil", model=FakeModel(says, name="another"))
    assert f"{other}: 4" in found.notes
    (other,) = (one for one in found.control if one.row.id == "late")
    assert other.row.messages[-1].content == "Aral."
