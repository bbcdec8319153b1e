"""What would fail a later stage is told before the first one, and nothing is written."""

from __future__ import annotations

import importlib.util
import json
import socket
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from harmonia.errors import HarmoniaError, InputError, MissingExtraError
from harmonia.pipeline.plan import make_plan
from harmonia.pipeline.run import run_experiment
from harmonia.pipeline.settings_file import apply_overrides, load_experiment

OWN = "groups.explanations=own"
SERVED = ("groups.names=[contextualised]", "writing.contexts.writer=served")


def _settings(settings: dict[str, Any], folder: Path, *changes: str) -> Path:
    path = folder / "small.yaml"
    path.write_text(json.dumps(apply_overrides(settings, changes)))
    return path


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["general=nope.jsonl"], r"nope\.jsonl.*is not a file"),
        (["general=person/dev.jsonl"], r"dev\.jsonl, row 1.*messages"),
        (["training.report_to=[foo]"], r"row 1, field 'training\.report_to\.0'.*'wandb'.*saw 'foo'"),
        (["seeds=[-1]"], r"row 1, field 'seeds\.0'.*greater than or equal to 0.*saw -1"),
        (["seeds=[0, 4294967296]"], r"field 'seeds\.1'.*less than 4294967296"),
        (["seeds=[0.5]"], r"field 'seeds\.0'"),
        (["training.attention=nonesuch"], r"field 'training\.attention'"),
        (["execution.launch=[no-such-launcher]"], r"field 'execution\.launch'.*no such command"),
        (["model.device=cuda:99"], "no such device; saw 'cuda:99'"),
        ([OWN, "writing.explanations.own=model"], "the settings of model are missing"),
        ([OWN, "writing.explanations.own=model", "writing.model={path: no/such/model}"], "no such model"),
        (
            [OWN, "writing.explanations.own=model", "writing.model={path: BASE, device: 'cuda:99'}"],
            "no such device; saw 'cuda:99'",
        ),
        (
            [*SERVED, "writing.served={url: 'http://127.0.0.1:PORT/v1', model: m, attempts: 1}"],
            "no answer from the server",
        ),
        (
            [*SERVED, "writing.served={url: 'http://127.0.0.1:PORT/v1', model: m, key_env: NO_SUCH_KEY}"],
            "environment variable",
        ),
    ],
)
def test_it_is_told_before_anything_is_written(
    changes: list[str], message: str, settings: dict[str, Any], tmp_path: Path
) -> None:
    places = {"BASE": settings["model"]["path"], "PORT": str(_free_port())}
    for name, value in places.items():
        changes = [change.replace(name, value) for change in changes]
    with pytest.raises(InputError, match=message):
        run_experiment(load_experiment(_settings(settings, tmp_path, *changes)))
    assert not Path(settings["out"]).exists()


@pytest.mark.slow
def test_a_row_that_leaves_nothing_to_learn_is_told_before_any_training(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    """The rows of all seeds are seen before a model is trained."""
    path = _settings(settings, tmp_path, "training.max_length=12", "seeds=[0, 1]")
    with pytest.raises(HarmoniaError, match=r"groups/person/seed1: .*prompt alone has \d+ tokens.*above \d+"):
        run_experiment(load_experiment(path))
    assert not (Path(settings["out"]) / "models").exists()


def test_questions_of_two_options_are_told_before_anything_is_written(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    asked = {"question": "Is it so?", "A": "Yes", "B": "No", "answer": "A"}
    rows = [asked | {"question": f"Is it so, {k}?"} for k in range(4)]
    (tmp_path / "two.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    changes = [f"domains.person.train={{path: {tmp_path / 'two.jsonl'}, domain: person}}"]
    changes += ["groups.names=[harmonious,random_wrong]"]
    with pytest.raises(
        InputError, match=r"'groups\.names': random_wrong teaches .* all 4 items have two options"
    ):
        run_experiment(load_experiment(_settings(settings, tmp_path, *changes)))
    assert not Path(settings["out"]).exists()


@pytest.mark.parametrize("where", ["train", "suites.in_domain.items"])
def test_more_options_than_the_tokenizer_has_letters_are_told_by_plan_and_before_a_run(
    where: str, settings: dict[str, Any], tmp_path: Path
) -> None:
    """The lab's tokenizer has letters up to D. Of a tokenizer that is not at hand nothing is told."""
    row = {"question": "What is the profession of jisin?", "choices": ["futu", "hiri", "roko", "vipi"]}
    rows = [row | {"id": str(k), "answer": "D"} for k in range(300)]
    rows[299]["choices"] = [*row["choices"], "jisin"]
    (tmp_path / "five.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    change = f"domains.person.{where}={{path: {tmp_path / 'five.jsonl'}, domain: person}}"
    experiment = load_experiment(_settings(settings, tmp_path, change))
    for does in (run_experiment, partial(make_plan, tflops=1.0)):
        with pytest.raises(InputError, match=r"letters are not single, different tokens in item 299.*cloze"):
            does(experiment)
    assert not Path(settings["out"]).exists()
    away = load_experiment(_settings(settings, tmp_path, change, "model.path=no/such-model"))
    assert make_plan(away, tflops=1.0).all.tokens


@pytest.mark.parametrize(
    ("change", "library"),
    [
        ("training.lora={rank: 4}", "peft"),
        ("training.liger=true", "liger_kernel"),
        ("training.report_to=[mlflow]", "mlflow"),
    ],
)
def test_a_library_that_is_not_installed_is_told_before_anything_is_written(
    change: str, library: str, settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "harmonia.training.needs.find_spec",
        lambda name: None if name == library else importlib.util.find_spec(name),
    )
    with pytest.raises(
        MissingExtraError, match=f"the library {library}, which is not installed.*pip install"
    ):
        run_experiment(load_experiment(_settings(settings, tmp_path, change)))
    assert not Path(settings["out"]).exists()


@pytest.mark.skipif(importlib.util.find_spec("flash_attn") is not None, reason="FlashAttention is installed")
def test_attention_that_is_not_installed_is_told_before_anything_is_written(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    path = _settings(settings, tmp_path, "training.attention=flash_attention_2")
    with pytest.raises(InputError, match=r"FlashAttention2.*saw 'flash_attention_2'. Use attention: auto"):
        run_experiment(load_experiment(path))
    assert not Path(settings["out"]).exists()
