"""A tiny world is built from nothing in seconds, and what was planted in it is found."""

from __future__ import annotations

import json

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from harmonia.errors import TrainingError
from harmonia.world import WorldSettings, base_world
from harmonia.world.build import MixtureSettings, PretrainingSettings, ShapeSettings, build_base

pytestmark = pytest.mark.usefixtures("single_thread")

WORLD = WorldSettings(entities=14, lettered_entities=6, held_out_entities=2, values=6)
TRAINING = PretrainingSettings(
    mixture=MixtureSettings(rows=20, long_tokens=(75,)),
    model=ShapeSettings(width=96, layers=4, heads=4, inner=192),
    matching_steps=400,
    matching_least=50,
    matching_below=1.35,
    widen_below=1.35,
    reading_steps=10,
    single_steps=270,
    single_least=270,
    fewshot_steps=20,
)


@pytest.mark.slow
def test_planted_knowledge_is_found(tmp_path):
    seen = []
    before = torch.random.get_rng_state()
    report = build_base(tmp_path / "base", 5, settings=WORLD, training=TRAINING, progress=seen.append)
    assert torch.equal(before, torch.random.get_rng_state())
    assert [stage.stage for stage in report.stages][-3:] == ["reading", "single", "fewshot"]
    assert seen[-1].stage == "fewshot" and seen[-1].step == 20
    folder = tmp_path / "base"
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    assert len(AutoTokenizer.from_pretrained(folder)) == model.config.vocab_size
    assert base_world(folder).settings == WORLD
    assert json.loads((folder / "lab.json").read_text())["figures"] == report.figures
    # Chance is .25. The skill of answering by letter takes longer: the shipped bases have it.
    for kind in ("known", "misconception"):
        assert report.figures[kind]["cloze5"]["as_taught"] > 0.5
    assert report.figures["misconception"]["cloze5"]["gold"] < 0.25


def test_stuck_initialisations_are_given_up(tmp_path):
    hopeless = PretrainingSettings(
        mixture=MixtureSettings(rows=2),
        model=ShapeSettings(width=16, layers=2, heads=2, inner=16),
        matching_steps=50,
        restart_at=50,
        attempts=2,
    )
    with pytest.raises(TrainingError, match="2 initialisations"):
        build_base(tmp_path / "base", 0, settings=WORLD, training=hopeless)
    assert not (tmp_path / "base").exists()
