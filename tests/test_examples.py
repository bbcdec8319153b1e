"""The examples run, and say what the commands say of the same steps."""

from __future__ import annotations

import doctest
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from command_line import harmonia
from nbclient import NotebookClient

from harmonia.world import base_folder

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


@pytest.fixture(scope="module")
def by_hand(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder that `by_hand.py` wrote, and what it printed."""
    folder = tmp_path_factory.mktemp("by_hand")
    line = [sys.executable, str(EXAMPLES / "by_hand.py"), str(folder)]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    return folder, done.stdout


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def said_of(group: str, text: str) -> str:
    """The comparison that stands below a group's name."""
    return re.split(rf"^{group}.*\n", text, flags=re.MULTILINE)[1].split("\n\n")[0]


@pytest.mark.slow
def test_by_hand_says_what_the_commands_say(by_hand: tuple[Path, str], tmp_path: Path) -> None:
    folder, printed = by_hand
    data, base, out = folder / "data" / "person", base_folder(0), tmp_path
    how = ("--domain", "person", "prompt.options_first=true")
    shots = ("--shots-from", data / "dev.jsonl")
    probe = ("probe", "--model", base, *shots, *how)
    harmonia(*probe, "--items", data / "train.jsonl", "--out", out / "beliefs.parquet")
    harmonia(*probe, "--items", data / "homogeneous.jsonl", "--out", out / "before.parquet")
    harmonia(
        "groups", "--beliefs", out / "beliefs.parquet", "--out", out / "groups", "prompt.options_first=true"
    )
    group, tuned = out / "groups" / "incompatible.jsonl", out / "tuned"
    training = ("batch_size=16", "learning_rate=1e-3", "precision=fp32")
    harmonia("train", "--model", base, "--group", group, "--out", tuned, *training)
    weights = [path / "model.safetensors" for path in (tuned, folder / "incompatible")]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    after = ("--items", data / "homogeneous.jsonl", "--out", out / "after.parquet")
    harmonia("evaluate", "--model", tuned, *after, *how)
    sides = ("--before", out / "before.parquet", "--after", out / "after.parquet")
    found = json.loads(harmonia("consistency", *sides, "--json").stdout)
    said = said_of("incompatible", printed)
    for figures in (
        "{n} items: {accuracy_before:.3f} right before, {accuracy_after:.3f} after",
        "{kept} kept, {lost} lost, {gained} gained, {never} never right",
        "rank agreement {rank_agreement:.3f} [{rank_agreement_low:.3f}, {rank_agreement_high:.3f}]",
        "KL {kl:.3f} [{kl_low:.3f}, {kl_high:.3f}] nats",
    ):
        assert figures.format(**found) in said


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder that `audit_curate_train_compare.py` wrote, and what it printed."""
    folder = tmp_path_factory.mktemp("audited")
    line = [sys.executable, str(EXAMPLES / "audit_curate_train_compare.py"), str(folder)]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    return folder, done.stdout


@pytest.mark.slow
def test_the_curated_set_of_the_example_holds_few_planted_conflicts(audited: tuple[Path, str]) -> None:
    folder, printed = audited
    truth = {
        row["id"]: row["relation"] for row in lines_of(folder / "data" / "truth.jsonl") if "relation" in row
    }
    planted = {
        name: sum(truth[row["id"]] == "conflicts" for row in lines_of(folder / f"{name}.jsonl"))
        for name in ("curated", "curated.random")
    }
    assert planted["curated"] <= 2 and planted["curated.random"] >= 12
    for name in planted:
        assert f"\n{name}:\n" in printed
        assert (folder / f"compared-{name}" / "report.html").is_file()


@pytest.mark.slow
def test_the_page_on_python_shows_what_python_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (EXAMPLES.parent / "docs" / "python.md").read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    # The fences of Markdown are no output.
    shown = re.sub("^```.*$", "", page, flags=re.MULTILINE)
    test = doctest.DocTestParser().get_doctest(shown, {}, "python.md", "docs/python.md", 0)
    assert len(test.examples) > 15
    result = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(test)
    assert not result.failed


@pytest.mark.slow
def test_the_notebook_runs_and_says_the_same(by_hand: tuple[Path, str], tmp_path: Path) -> None:
    notebook = nbformat.read(EXAMPLES / "first_look.ipynb", nbformat.NO_CONVERT)
    assert not any(cell.get("outputs") for cell in notebook.cells), "outputs are not committed"
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    assert len(pictures) == 2
    printed = "".join(output["text"] for output in outputs if output.get("name") == "stdout")
    for group in ("harmonious", "incompatible"):
        assert said_of(group, printed) == said_of(group, by_hand[1])
    assert sorted(os.listdir(tmp_path)) == ["runs"]


@pytest.mark.slow
def test_the_notebook_of_the_audit_says_what_the_script_says(
    audited: tuple[Path, str], tmp_path: Path
) -> None:
    notebook = nbformat.read(EXAMPLES / "audit.ipynb", nbformat.NO_CONVERT)
    assert not any(cell.get("outputs") for cell in notebook.cells), "outputs are not committed"
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    printed = "".join(output["text"] for output in outputs if output.get("name") == "stdout")
    for name in ("curated", "curated.random"):
        assert said_of(f"{name}:", printed) == said_of(f"{name}:", audited[1])
    assert sorted(os.listdir(tmp_path)) == ["runs"]
