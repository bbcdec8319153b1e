"""What reaches the screen: texts as they are, and nothing that a terminal obeys."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest
from command_line import harmonia
from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from harmonia.analysis.tables import FOLDER, RESULTS, ResultRow
from harmonia.cli import progress
from harmonia.cli.progress import RunBars, Screen, printable
from harmonia.cli.summary import accuracies

OBEYED = set("\x1b\x07\r\x9b\x7f\u202e")
EVIL = "\x1b]0;TITLE\x07\x1b[2J\r\x9b31m\x7f\u202e"


def test_control_characters_are_spelled_out() -> None:
    assert printable("a\x1b[2Jb\x07\r\x00\x9b\udcff\u202e") == r"a\x1b[2Jb\x07\r\x00\x9b\udcff\u202e"
    for text in ("plain", "two\nlines\tand a tab", "中文 ü 👩‍👧", "[/x] [red] :smile: \\[b]"):
        assert printable(text) == text


def test_texts_of_the_data_are_no_markup_and_no_commands(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen()
    table = Table("[/h]", title=f"[b]t{EVIL}", caption=EVIL)
    table.add_row(f"[/x]{EVIL}")
    for shown in (f"r[red]x {EVIL}" + "long " * 60, table, Panel(f"[/p]{EVIL}")):
        screen.print(shown)
    said = capsys.readouterr().out
    assert not OBEYED & set(said)
    for text in ("r[red]x", "[/h]", "[b]t", "[/x]", "[/p]", r"\x1b]0;TITLE\x07\x1b[2J"):
        assert text in said
    assert "long " * 60 in said, "lines are not cut"


def test_commands_print_paths_as_they_are_and_data_without_commands(tmp_path: Path) -> None:
    text = "many words here that are the same in both of the files that we compare"
    item = {"id": f"x{EVIL}", "question": f"{EVIL} {text}", "choices": ["a", "b"], "answer": 0}
    for name in ("a.jsonl", "b.jsonl"):
        (tmp_path / name).write_text(json.dumps(item) + "\n")
    done = harmonia("leakage", "--train", "a.jsonl", "--suite", "b.jsonl", cwd=tmp_path)
    assert done.returncode == 0 and text in done.stdout and not OBEYED & set(done.stdout)
    beliefs = [
        item | {"id": f"i{k}", "question": f"Q{k}?", "choices": list("abcd"), "probs": probs}
        for k, probs in enumerate([[0.85, 0.05, 0.05, 0.05], [0.05, 0.85, 0.05, 0.05]])
    ]
    (tmp_path / "b[").mkdir()
    (tmp_path / "b[/x].jsonl").write_text("".join(json.dumps(one) + "\n" for one in beliefs))
    for out in ("r[red]x.csv", "a[/b].jsonl", "exp:1", 'it\'s "so".parquet'):
        done = harmonia("triage", "--beliefs", "b[/x].jsonl", "--out", out, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert done.stdout.endswith(f"{out}\n") and (tmp_path / out).is_file()
    done = harmonia("groups", "--beliefs", "b[/x].jsonl", "--out", "d[/x]/g:1", cwd=tmp_path)
    assert done.returncode == 0 and done.stdout.endswith("d[/x]/g:1\n"), done.stderr
    done = harmonia("triage", "--beliefs", f"no{EVIL}.jsonl", cwd=tmp_path)
    assert done.returncode == 2 and not OBEYED & set(done.stderr)


def test_figures_of_a_run_are_whole_on_a_narrow_screen(tmp_path: Path) -> None:
    group = "harmonious_matched_letter_believed_confidence"
    shares = ("accuracy_low", "accuracy_high", "accuracy_macro", "chance", "confidence", "entropy")
    rows = [
        ResultRow(
            **{"domain": "engineering", "group": group, "seed": 0, "form": "chat0", "readout": readout},
            **{"suite": suite, "n": 200, "correct": k, "accuracy": k / 200, "letter_mass": None},
            **dict.fromkeys(shares, 0.5),
        )
        for readout in ("letter", "cloze")
        for k, suite in enumerate(("homogeneous", "in_domain", "out_of_domain"), start=101)
    ]
    RESULTS.write(tmp_path / FOLDER, rows)
    screen = Console(width=80)
    with screen.capture() as shown:
        screen.print(accuracies([tmp_path]))
    said = shown.get()
    # By the probe's method alone; the other readout is on the page.
    assert [said.count(figure) for figure in ("0.505", "0.510", "0.515", "chat0")] == [1, 1, 1, 1]
    assert max(map(len, said.splitlines())) <= 80


def _at_work(bars: RunBars, clock: list[float]) -> None:
    """A run of five tasks: one was done before, one fails, and each of the others takes 40 s."""
    with bars:
        bars.start("study", 5)
        bars.end("study", "data/law", "skipped")
        for k in range(3):
            bars.begin("study", f"evaluate/{k}")
            clock[0] += 20
            bars.progress("study", f"evaluate/{k}", 1, 2)
            clock[0] += 20
            bars.end("study", f"evaluate/{k}", "done" if k else "failed: no memory")


def test_without_a_terminal_a_line_a_minute_is_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "err", Screen(stderr=True))
    clock = [0.0]
    _at_work(RunBars(lambda: clock[0]), clock)
    assert capsys.readouterr().err.splitlines() == [
        "evaluate/0: failed: no memory",
        # After 60 s one of four tasks that take time is done: the other three take three times as long.
        "study: 2 of 5 tasks done, about 3 min left; evaluate/1 (50 %)",
        "study: 4 of 5 tasks done, about 1 min left",
    ]


def test_on_a_terminal_one_display_shows_what_runs_and_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen(force_terminal=True, width=100, file=io.StringIO())
    monkeypatch.setattr(progress, "err", screen)
    clock = [0.0]
    bars = RunBars(lambda: clock[0])
    with bars:
        bars.start("study", 5)
        bars.end("study", "data/law", "skipped")
        bars.begin("study", "probe/law")
        bars.progress("study", "probe/law", 50, 150)
        shown = Console(width=100, file=io.StringIO())
        shown.print(bars._bars.get_renderable())
        lines = [" ".join(re.sub("[━╸╺]+", "", line).split()) for line in shown.file.getvalue().splitlines()]
        assert lines[0].startswith("study 0/4") and lines[1].startswith("probe/law 50/150")
        bars.end("study", "probe/law", "done")


@pytest.mark.parametrize("width", [40, 50, 80])
def test_on_a_narrow_terminal_names_are_cut_and_numbers_are_whole(
    monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setattr(progress, "err", Screen(force_terminal=True, width=width, file=io.StringIO()))
    bars = RunBars()
    with bars:
        bars.start("study", 1208)
        bars.begin("study", "train/engineering/harmonious_matched_letter/seed0")
        bars.progress("study", "train/engineering/harmonious_matched_letter/seed0", 12, 1200)
        screen = Screen(width=width, file=io.StringIO())
        screen.print(bars._bars.get_renderable())
        lines = screen.file.getvalue().splitlines()
    assert [line.split()[-2:] for line in lines] == [["0/1208", "-:--:--"], ["12/1200", "-:--:--"]]
    assert max(map(len, lines)) <= width and lines[1].startswith("  train/en")
