"""`--out` of every command: what stands in the way is told before the work, and nothing of others is lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harmonia.cli.commands import app
from harmonia.cli.items import read, write_skipped_rows
from harmonia.data import ItemSource
from harmonia.errors import InputError

FOLDERS = {
    "train": ["--model", "m", "--group", "in.jsonl"],
    "export-task": ["--items", "in.jsonl", "--shots", "0"],
    "lab data": [],
    "lab build": [],
}
"""Commands that write a folder of their own, with what they need."""

SHARED = {
    "groups": (["--beliefs", "in.jsonl"], "harmonious.jsonl"),
    "claims": (["run"], "report.html"),
    "demo": ([], "claims.json"),
}
"""Commands that write beside other files, and a file that each writes."""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine" / "sub").mkdir(parents=True)
    (tmp_path / "mine" / "thesis.tex").write_text("thesis")
    item = {"id": 1, "question": "Q?", "choices": ["a", "b"], "answer": 0}
    (tmp_path / "in.jsonl").write_text(json.dumps(item) + "\n")
    return tmp_path


def _harmonia(words: str, *more: str) -> None:
    app([*words.split(), *more], standalone_mode=False)


def _all(folder: Path) -> dict[str, str]:
    return {str(path): path.read_text() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("command", FOLDERS)
@pytest.mark.parametrize("out", ["mine", ".", "/", "", "in.jsonl", "in.jsonl/below", "link"])
def test_a_folder_of_others_is_refused_before_the_work(command: str, out: str, here: Path) -> None:
    (here / "link").symlink_to("mine")
    before = _all(here)
    with pytest.raises(InputError, match=r"'out'.*(did not write|is not a folder)"):
        _harmonia(command, *FOLDERS[command], "--out", out)
    assert _all(here) == before


@pytest.mark.parametrize("command", SHARED)
def test_a_file_of_others_in_a_shared_folder_is_refused_before_the_work(command: str, here: Path) -> None:
    words, written = SHARED[command]
    (here / "mine" / written).write_text("mine")
    before = _all(here)
    with pytest.raises(InputError, match=f"'out'.*'{written}', which harmonia did not write"):
        _harmonia(command, *words, "--out", "mine")
    assert _all(here) == before


def test_a_folder_of_ours_is_written_again(here: Path) -> None:
    export = ["--items", "in.jsonl", "--shots", "0", "--out"]
    for _ in range(2):
        _harmonia("export-task", *export, "task")
    (here / "empty").mkdir()
    (here / "empty link").symlink_to("empty")
    _harmonia("export-task", *export, "empty link")
    assert {path.name for path in (here / "empty").iterdir()} == {
        path.name for path in (here / "task").iterdir()
    }
    (here / "task" / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match=r"notes\.txt"):
        _harmonia("export-task", *export, "task")


@pytest.mark.parametrize("command", ["probe --shots 0", "evaluate"])
def test_a_file_of_others_where_bad_rows_go_is_refused_before_the_work(command: str, here: Path) -> None:
    words = ["--model", "no/such/model", "--items", "in.jsonl", "--out", "b.parquet"]
    path = here / "b.parquet.skipped.jsonl"
    path.write_text('{"id": 1, "mine": true}\n')
    with pytest.raises(InputError, match=r"skipped\.jsonl, field 'out': .*harmonia did not write it"):
        _harmonia(command, *words, "on_bad_row=skip")
    with pytest.raises(InputError, match="no such model"):
        _harmonia(command, *words, "on_bad_row=fail")  # it writes no such file
    assert json.loads(path.read_text()) == {"id": 1, "mine": True}
    # A list of ours is replaced.
    (here / "bad.jsonl").write_text((here / "in.jsonl").read_text() + '{"id": 2}\n')
    write_skipped_rows(read(ItemSource(path="bad.jsonl", on_bad_row="skip")), path)
    assert json.loads(path.read_text())["row"] == 2
    with pytest.raises(InputError, match="no such model"):
        _harmonia(command, *words, "on_bad_row=skip")


def test_the_training_set_and_the_model_are_not_trained_over(here: Path) -> None:
    _harmonia("export-task", "--items", "in.jsonl", "--shots", "0", "--out", "task")
    for words in (
        ["--model", "task", "--group", "in.jsonl"],
        ["--model", "m", "--group", "task/harmonia.test.jsonl"],
    ):
        with pytest.raises(InputError, match="overwrite what is read"):
            _harmonia("train", *words, "--out", "task")
