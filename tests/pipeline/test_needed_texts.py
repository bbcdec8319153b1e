"""The texts that a domain's groups need."""

from __future__ import annotations

from typing import Any

import pytest

from harmonia.data import ItemSource, read_items
from harmonia.models import load_model
from harmonia.pipeline import texts
from harmonia.pipeline.experiment import Experiment
from harmonia.pipeline.settings_file import apply_overrides
from harmonia.pipeline.workbench import Workbench
from harmonia.probe import write_beliefs
from harmonia.types import Belief
from harmonia.writers import read_written


def test_a_model_that_writes_all_kinds_of_text_is_loaded_once(
    settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = [
        "groups.names=[self_aligning, contextualised]",
        "groups.explanations=own",
        "groups.size=2",
        "writing.explanations={own: model, gold: model, max_new_tokens: 4, tries: 1}",
        "writing.contexts={writer: model, max_new_tokens: 4, tries: 1}",
        f"writing.model={{path: {settings['model']['path']}, device: cpu}}",
    ]
    experiment = Experiment.model_validate(apply_overrides(settings, changes))
    source = ItemSource(path="person/train.jsonl", limit=8, domain="person")
    beliefs = []
    for place, item in enumerate(read_items(source, experiment.root).items):
        pred = (item.answer + place % 2) % len(item.choices)
        probs = tuple(0.91 if option == pred else 0.03 for option in range(len(item.choices)))
        beliefs.append(
            Belief(
                item=item, probs=probs, pred=pred, confidence=0.91, correct=pred == item.answer,
                letter_mass=1.0, form="icl2", method="letter", preset="corrected",
            )
        )  # fmt: skip
    bench = Workbench(experiment)
    write_beliefs(bench.run / "beliefs" / "person.parquet", beliefs, {})
    loaded = []
    monkeypatch.setattr(texts, "load_model", lambda *how: loaded.append(how[0]) or load_model(*how))
    texts.write_texts(bench, domain_name="person", address="a")
    assert loaded == [experiment.writing.model]
    kinds = [list(read_written(bench.run / kind / "person.jsonl")) for kind in ("explanations", "contexts")]
    assert len(kinds[0]) > len(kinds[1]) > 0
    # Journals under the task's address, which the run takes away once the task is noted as done.
    assert {path.name.split("-")[0] for path in (bench.run / ".partial").iterdir()} == {"a"}


@pytest.mark.parametrize(
    ("groups", "own", "contexts"),
    [
        ("names: [harmonious, incompatible]", False, False),
        ("names: [incompatible, general_only]", False, False),
        ("names: [random_wrong]", True, False),
        ("names: [permuted]", True, False),
        ("names: [self_aligning]", True, False),
        ("names: [harmonious], ratios: [0.5]", True, False),
        ("names: [harmonious], ratios: [0]", False, False),
        ("names: [harmonious], policies: {names: [self_align]}", True, False),
        ("names: [harmonious], policies: {names: [all, mixed_0.5]}", True, False),
        ("names: [harmonious], policies: {names: [mixed_0]}", False, False),
        ("names: [contextualised]", False, True),
        ("names: [harmonious], policies: {names: [contextualise]}", False, True),
    ],
)
def test_which_texts_the_groups_need(
    groups: str, own: bool, contexts: bool, settings: dict[str, Any]
) -> None:
    changed = apply_overrides(settings, [f"groups={{{groups}, explanations: own}}"])
    kinds = texts.writers_of(Experiment.model_validate(changed)).keys()
    assert ("own" in kinds, "gold" in kinds, "contexts" in kinds) == (own, False, contexts)
