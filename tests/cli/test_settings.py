"""KEY=VALUE beside at most eight options: the same names for every command, and what went is told."""

from __future__ import annotations

import inspect
import json
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from command_line import harmonia
from typer.main import get_command

from harmonia.cli.commands import app
from harmonia.cli.given import Given
from harmonia.cli.keys import TAKES
from harmonia.data import ColumnMapping, ItemSource
from harmonia.errors import InputError
from harmonia.pipeline.experiment import Experiment

COMMANDS: dict[str, Any] = dict(get_command(app).commands)  # type: ignore[attr-defined]
COMMANDS |= {f"lab {name}": one for name, one in COMMANDS.pop("lab").commands.items()}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_at_most_eight_options_and_an_example(name: str) -> None:
    command = COMMANDS[name]
    assert len([one for one in command.params if one.param_type_name == "option"]) <= 8
    assert len(inspect.signature(command.callback).parameters) <= 8
    assert f"harmonia {name}" in command.help


def _given(command: str, *texts: str) -> Given:
    return Given(command, texts)


@pytest.mark.parametrize("command", [name for name in TAKES if name not in ("run", "plan")])
def test_a_key_is_that_of_the_experiment_file_and_its_default_is_taken(command: str) -> None:
    """Each key that is listed, with the default that is listed, is accepted and changes nothing."""
    for section in TAKES[command]:
        listed = [one for one in section.settings() if one.default != "required"]
        assert listed and all(one.meaning for one in listed), section
        texts = [f"{one.key}={_text(one)}" for one in listed if one.default != "null"]
        fixed = {
            name: "http://x" if name == "served" else "x"
            for name, one in section.model.model_fields.items()
            if one.is_required()
        }
        if section.model is ItemSource:
            source = _given(command, *texts).items("x")
            assert source == ItemSource(path="x")
        elif section.model is Experiment:  # on top of the demo's own
            given = _given(command, *_whole(texts)).table(Experiment)
            assert given["training"]["epochs"] == 3 and not given.keys() & {"model", "domains", "seeds"}
        elif not any(one.key.endswith(("url", "writing.model.path")) for one in listed):
            assert _given(command, *_whole(texts)).of(section.model, fixed) == section.model(**fixed)
        if section.table in Experiment.model_fields:
            keys = [one.key.split(".")[1] for one in section.settings()]
            assert section.model.model_fields.keys() >= set(keys)


def _text(one: Any) -> str:
    return json.dumps(one.default.replace("\\n", "\n")) if one.kind == "text" else one.default


def _whole(texts: list[str]) -> list[str]:
    """Without the keys of tables that stand for None."""
    inside = ("training.lora.", "writing.model.", "writing.served.", "agreement.model.", "agreement.served.")
    return [text for text in texts if not any(table in text for table in inside)]


@pytest.mark.parametrize("command", ["probe", "evaluate", "export-task", "explain-scoring", "leakage"])
def test_what_a_reader_offers_in_a_file_a_command_offers(command: str) -> None:
    wanted = ItemSource.model_fields.keys() - {"path", "columns"}
    wanted |= {f"columns.{name}" for name in ColumnMapping.model_fields}
    items, shots = TAKES[command][:2]
    assert {one.key for one in items.settings()} == wanted
    assert {one.key for one in shots.settings()} == {f"shots.{one}" for one in wanted - {"limit", "seed"}}


def test_settings_without_a_table_are_of_questions_and_demonstrations() -> None:
    given = _given(
        "probe",
        "split=test",
        "limit=5",
        "shots.split=dev",
        "columns.question=stem",
        "shots.columns.answer=key",
        "items.reader=mmlu",
    )
    asked, shown = given.items("x", {"domain": "law"}), given.shots("y", {"domain": "law"})
    assert shown is not None
    assert (asked.split, asked.limit, asked.reader, asked.domain) == ("test", 5, "mmlu", "law")
    assert (shown.split, shown.limit, shown.reader, shown.domain) == ("dev", None, "auto", "law")
    assert (shown.columns.question, shown.columns.answer) == ("stem", "key")
    assert (asked.columns.question, asked.columns.answer) == ("stem", None)


PROBE = ["probe", "--model", "m", "--items", "x.jsonl", "--out", "o"]


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["preset=repo"], ["'preset'", "Did you mean prompt.preset?", "harmonia settings probe"]),
        (["prompt.presett=repo"], ["prompt.presett", "Did you mean prompt.preset?"]),
        (["prompt.chat=model"], ["prompt.chat", "no such setting"]),
        (["model.path=n"], ["model.path", "no such setting"]),
        (["prompt={preset: repo, chat: model}"], ["prompt.chat"]),
        (["prompt=5"], ["'prompt'", "saw 5", "prompt.KEY=VALUE"]),
        (["prompt.preset=rep"], ["prompt.preset", "saw 'rep'"]),
        (["--shots", "2", "prompt.shots=3"], ["prompt.shots", "given twice"]),
        (["--domain", "law", "domain=law"], ["domain", "given twice"]),
        (["prompt.shots=3", "prompt.shots=3"], ["Give each setting once"]),
        (["shots.split=dev"], ["shots.split", "--shots-from"]),
        (["=3"], ["not a setting"]),
        (["probe.draws=[1"], ["probe.draws"]),
        (["--nonsense", "3"], ["--nonsense"]),
        (["--columns", "3"], ["No such option: --columns"]),
        (["--shots", "many"], ["--shots", "a valid integer", "probe --help"]),
    ],
)
def test_what_is_wrong_is_one_line_and_nothing_is_written(
    words: list[str], parts: list[str], tmp_path: Path
) -> None:
    made = harmonia(*PROBE, *words, cwd=tmp_path)
    assert (made.returncode, made.stdout) == (2, "")
    assert made.stderr.count("\n") == 1 and made.stderr.startswith("harmonia: ")
    for part in parts:
        assert part in made.stderr
    assert not list(tmp_path.iterdir())


def test_a_command_without_what_it_needs_says_so_in_one_line() -> None:
    made = harmonia("probe", "--model", "m")
    assert made.returncode == 2 and made.stderr.count("\n") == 1 and "--items" in made.stderr


GONE = {
    "probe --method cloze --preset repo --draws 5 --option-order random --normalisation char --language zh": (
        "prompt.method=cloze prompt.preset=repo probe.draws=5 probe.option_order=random "
        "probe.normalisation=char prompt.language=zh"
    ),
    "probe --options-first --trust-remote-code --gguf-file a.gguf --dtype float16 --device cpu": (
        "prompt.options_first=true model.trust_remote_code=true model.gguf_file=a.gguf "
        "model.dtype=float16 model.device=cpu"
    ),
    "probe --seed 3 --batch-tokens=9": "seed=3 prompt.shot_seed=3 probe.seed=3 probe.batch_tokens=9",
    "evaluate --subjects-of law --on-bad-row skip --limit 4": "subjects_of=law on_bad_row=skip limit=4",
    "groups --ratios 0,1 --match letter --match letter,length --policies all,known_only --size 3": (
        "'groups.ratios=[0,1]' 'groups.match=[[letter],[letter,length]]' "
        "'groups.policies.names=[all,known_only]' groups.size=3"
    ),
    "groups --budget 5 --contexts c.jsonl --shuffle-options --explanations own": (
        "groups.policies.budget=5 contexts=c.jsonl groups.shuffle_options=true groups.explanations=own"
    ),
    "train --dtype bfloat16 --trust-remote-code": "model.dtype=bfloat16 model.trust_remote_code=true",
    "write --served-model big --key-env KEY --limit 3 --threshold 0.6 --remove letter": (
        "writing.served.model=big writing.served.key_env=KEY limit=3 threshold=0.6 "
        "writing.contexts.remove=letter"
    ),
    "write --temperature 0.5": "writing.explanations.temperature=0.5 writing.contexts.temperature=0.5",
    r"slick --no-early-stop --question {question}\nA: --temperature 1": (
        "slick.early_stop=false 'slick.question=\"{question}\\nA:\"' slick.temperature=1"
    ),
    "export-task --method cloze --subjects-outside law": "prompt.method=cloze subjects_outside=law",
    "explain-scoring --preset repo --chat model": "prompt.preset=repo prompt.chat=model",
    "triage --threshold 0.4 --gold-below 0.1 --agreeing 3": "threshold=0.4 gold_below=0.1 agreeing=3",
    "leakage --ngram 9 --reader mmlu": "leakage.ngram=9 reader=mmlu",
    "bench --threads 2 --mmlu F --gguf-file G --repeats 5": "threads=2 mmlu=F gguf_file=G repeats=5",
    "doctor --gguf-file G": "model.gguf_file=G",
}
"""Options of version 0.1, and how they are written now."""


@pytest.mark.parametrize("words", GONE)
def test_an_option_that_went_is_read_as_it_is_written_now(
    words: str, here: Path, caplog: pytest.LogCaptureFixture
) -> None:
    command, *options = words.split(" ")
    needed = {
        one.opts[0]: "v" for one in COMMANDS[command].params if one.required
    }  # as a command line that was right would have them
    given = [word for pair in needed.items() for word in pair]
    taken = COMMANDS[command].make_context(command, [*given, *options])
    now = shlex.split(GONE[words])
    if taken.args:
        assert taken.args == now
        assert Given(command, now) is not None
    else:
        assert list(taken.params["settings"]) == now
    shown = shlex.join(["harmonia", command, *given]) + " " + GONE[words]
    assert caplog.messages == [
        f"{', '.join(dict.fromkeys(one.partition('=')[0] for one in options if one.startswith('--')))} "
        f"is no option any more and is read as {GONE[words]}: {shown}"
    ]


def test_an_option_that_went_needs_its_value(here: Path) -> None:
    with pytest.raises(InputError, match="without its value") as told:
        app(["explain-scoring", "--model", "m", "--preset"], standalone_mode=False)
    assert told.value.field == "--preset"
    assert not list(here.iterdir())


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_settings_lists_for_people_and_for_machines() -> None:
    names = harmonia("settings")
    assert names.returncode == 0 and "probe: items, shots, prompt, probe, model" in names.stdout
    listed = harmonia("settings", "probe")
    assert "prompt.preset=corrected" in listed.stdout and "corrected | repo | harness" in listed.stdout
    assert "Rules of prompt and token ids" in " ".join(listed.stdout.split())
    found = {one["key"]: one for one in json.loads(harmonia("settings", "run", "--json").stdout)}
    assert found["training.epochs"] | {"meaning": ""} == {
        "key": "training.epochs",
        "kind": "int",
        "default": "3",
        "meaning": "",
        "execution": False,
    }
    assert found["domains.NAME.suites.NAME.items.path"]["default"] == "required"
    example = yaml.safe_load((Path(__file__).parents[2] / "examples/arc.yaml").read_text())
    assert set(_dotted(example["groups"], "groups")) <= found.keys()
    refused = harmonia("settings", "nonsense")
    assert refused.returncode == 2 and "probe" in refused.stderr


def _dotted(values: dict[str, Any], above: str) -> list[str]:
    return [
        key
        for name, one in values.items()
        for key in (_dotted(one, f"{above}.{name}") if isinstance(one, dict) else [f"{above}.{name}"])
    ]
