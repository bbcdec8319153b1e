"""Audits of small files against models whose answers are scripted."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from command_line import harmonia as command
from statsmodels.stats.proportion import proportion_confint

import harmonia
from harmonia.audit import AUDIT_ROWS, Audit, AuditSettings, read_rows
from harmonia.audit.folder import write_audit
from harmonia.audit.page import pieces_of
from harmonia.audit.summary import shares_of
from harmonia.errors import InputError
from harmonia.models.fake import FakeModel
from harmonia.world import base_folder

CAPITALS = {
    **{"France": "Paris", "Italy": "Rome", "Norway": "Oslo", "Peru": "Lima", "Egypt": "Cairo"},
    **{"Cuba": "Havana", "Ghana": "Accra", "Kenya": "Nairobi"},
}


def believes(text: str) -> Mapping[str, float]:
    """A model that knows the capitals, but takes Sydney for Australia's and none for Oz's."""
    land = text.rstrip().rpartition("capital of ")[2].partition("?")[0]
    if land == "Oz":
        return {f" {name}": 0.1 for name in "klmnopqrst"}
    city = {**CAPITALS, "Australia": "Sydney"}.get(land)
    return {f" {city}": 0.9} if city else {}


def lines(rows: Iterable[Any]) -> str:
    return "".join(row if isinstance(row, str) else json.dumps(row) + "\n" for row in rows)


@pytest.fixture
def capitals(tmp_path: Path) -> Path:
    told = {**CAPITALS, "Australia": "Canberra", "Oz": "z"}
    asked = [
        {"instruction": f"What is the capital of {land}?", "output": city} for land, city in told.items()
    ]
    path = tmp_path / "capitals.jsonl"
    path.write_text(lines(asked), encoding="utf-8")
    return path


class _Elements(HTMLParser):
    """The names of all elements and attributes of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found |= {tag, *(f"{tag} {name}" for name, _ in attrs)}


def test_texts_of_rows_models_and_files_are_no_elements_of_the_page(capitals: Path, tmp_path: Path) -> None:
    evil = """<script>alert(1)</script></p></style><img src=x onerror=alert(2)>' onclick='alert(3) " id="x"""
    rows = [json.loads(line) for line in capitals.read_text().splitlines()]
    rows += [{"id": evil, "instruction": f"{evil} What is the capital of Mars?", "output": evil}]
    hostile = tmp_path / "<img src=x onerror=alert(4)>.jsonl"
    hostile.write_text(lines(rows), encoding="utf-8")

    def says(text: str) -> Mapping[str, float]:
        return {f" {evil}": 0.9} if text.rstrip().endswith("Mars?") else believes(text)

    pages = {}
    for path, model in ((capitals, FakeModel(believes)), (hostile, FakeModel(says, name=evil))):
        harmonia.audit(model, path, out=tmp_path / f"audit of {path.stem}")
        pages[path] = (tmp_path / f"audit of {path.stem}" / "report.html").read_text(encoding="utf-8")
    assert "&lt;script&gt;" in pages[hostile]
    assert _Elements(pages[hostile]).found <= _Elements(pages[capitals]).found


def test_a_row_that_fights_the_model_is_found_with_the_word(capitals: Path) -> None:
    found = harmonia.audit(FakeModel(believes), capitals)
    assert [row.category for row in found] == [*["known"] * len(CAPITALS), "conflicting", "unknown"]
    australia = found[-2]
    assert australia.own_answer == "Sydney" and australia.agreement == 0
    assert (australia.span_starts, australia.span_stops, australia.span_expected) == ((0,), (8,), ("S",))
    # .9 is spent on Sydney, the rest of 1 is spread over the other tokens; of the seven letters behind
    # "C" it says nothing.
    size = FakeModel(believes).vocabulary
    rest = 0.1 / (size - 1)
    entropy = (-0.9 * math.log(0.9) - 0.1 * math.log(rest) + 7 * math.log(size)) / 8
    trained = math.exp((math.log(rest) - 7 * math.log(size)) / 8)
    (unasked,) = [
        row for row in harmonia.audit(FakeModel(believes), capitals, samples=0) if row.id == australia.id
    ]
    assert unasked.category == "conflicting"
    assert (unasked.trained, unasked.entropy) == pytest.approx((trained, entropy), rel=1e-5)
    assert unasked.conflict == pytest.approx(1 - trained * math.exp(entropy / 2), rel=1e-5)
    # Each of its own answers says Sydney.
    assert (australia.conflict, australia.steady) == (1, 1)
    assert 'trained "Canberra"; the model expects "S" (.90)' in australia.reason
    assert max(found, key=lambda row: row.conflict) is australia
    assert list(found.table().columns) == [one.name for one in AUDIT_ROWS.columns]


def test_an_answer_of_which_the_model_says_a_part_does_not_fight_it(capitals: Path) -> None:
    told = {"Peru": "Surely it would be Lima", "Cuba": "Surely it would be Quito"}
    asked = [
        {"instruction": f"Say, what is the capital of {land}?", "output": text} for land, text in told.items()
    ]
    with capitals.open("a", encoding="utf-8") as file:
        file.write(lines(asked))
    *_, peru, cuba = harmonia.audit(FakeModel(believes), capitals)
    # Of both it always says the city alone.
    assert [(one.own_answer, one.agreement, one.steady) for one in (peru, cuba)] == [
        ("Lima", 0, 1),
        ("Havana", 0, 1),
    ]
    assert peru.category != "conflicting" and cuba.category == "conflicting"
    assert peru.conflict < cuba.conflict == 1


def test_a_model_that_answers_nothing_is_told_so(capitals: Path) -> None:
    found = harmonia.audit(FakeModel(lambda _: {"\n": 0.9}), capitals)
    assert any(row.reason.endswith("its own answers state nothing") for row in found)
    assert not any('own answer: ""' in row.reason for row in found)


def test_the_folder_holds_verdicts_summary_and_canaries(capitals: Path, tmp_path: Path) -> None:
    out = tmp_path / "audit"
    found = harmonia.audit(FakeModel(believes), capitals, out=out)
    assert AUDIT_ROWS.read(out) == found.found.rows
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    counts = {one["category"]: one["rows"] for one in summary["categories"]}
    assert counts == {"known": 8, "conflicting": 1, "unknown": 1, "form": 0, "uncertain": 0}
    canaries = [json.loads(line) for line in (out / "canaries.jsonl").read_text().splitlines()]
    # Of eight facts that the model knows a fifth, rounded up, is held back.
    assert len(canaries) == 2 and {one["answer"] for one in canaries} < set(CAPITALS.values())


def test_the_page_marks_the_words_and_escapes_the_data(tmp_path: Path) -> None:
    asked = [
        {"instruction": f"What is the capital of {land}?", "output": city} for land, city in CAPITALS.items()
    ]
    asked.append(
        {"instruction": "<b>What</b> is the capital of Australia?", "output": "Canberra <i>now</i>."}
    )
    path, out = tmp_path / "capitals.jsonl", tmp_path / "audit"
    path.write_text(lines(asked), encoding="utf-8")
    harmonia.audit(FakeModel(believes), path, out=out)
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "<mark" in page and ">Canberra</mark>" in page and "[S]" in page
    assert "<b>What" not in page and "<i>now" not in page and "&lt;i&gt;now" in page
    assert "1 row (11.1\u00a0%) fights what the model believes." in page
    told = dict(re.findall("<dt>(.*?)</dt><dd>(.*?)</dd>", page))
    assert told["harmonia"] == harmonia.__version__ and any(name.startswith("rule.") for name in told)


def test_of_a_long_answer_the_page_shows_where_the_conflict_is(capitals: Path) -> None:
    australia = harmonia.audit(FakeModel(believes), capitals)[-2]
    before = "word " * 600
    late = replace(
        australia, answer=f"{before}Canberra{' and' * 900}", span_starts=(3000,), span_stops=(3008,)
    )
    first, near, word, rest = pieces_of(late)
    assert (first.text, word.text, word.expected) == ("... ", "Canberra", "S")
    assert before.endswith(near.text) and len(near.text) == 600 and rest.text.endswith(" ...")


def test_a_sample_gives_shares_of_the_whole_file(capitals: Path) -> None:
    some = harmonia.audit(FakeModel(believes), capitals, sample=5)
    every = harmonia.audit(FakeModel(believes), capitals)
    assert len(some) == 5 and repr(some).startswith("5 of 10 rows")
    for one in shares_of(some.found.counts, 10):
        # The standard error shrinks by (N - n) / (N - 1), as of 9 / 5 times as many rows.
        ends = proportion_confint(one.rows * 9 / 5, 9, method="wilson")
        assert (one.share_low, one.share_high) == pytest.approx(ends, abs=1e-9)
    assert all(one.share_low == one.share == one.share_high for one in shares_of(every.found.counts, 10))
    # Verdicts do not depend on what else is audited.
    assert set(some.found.rows) <= set(every.found.rows)


@pytest.mark.parametrize("stop", [1, 3])
def test_an_audit_that_was_cut_off_ends_the_same(
    stop: int, capitals: Path, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(sys.modules["harmonia.audit.run"], "CHUNK", 4)
    settings = AuditSettings()
    file = read_rows(capitals, settings)
    whole, halted = tmp_path / "whole", tmp_path / "halted"
    audit = Audit(FakeModel(believes), file, settings)
    write_audit(whole, audit, audit.run())
    calls = 0

    def cut_off(done: int, total: int) -> None:
        nonlocal calls
        calls += 1
        if calls == stop:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        audit.run(tmp_path / "journal", cut_off)
    asked: list[int] = []
    again = FakeModel(believes)
    monkeypatch.setattr(
        again,
        "loglikelihoods",
        lambda requests, **how: (
            asked.append(len(requests)) or FakeModel.loglikelihoods(again, requests, **how)
        ),
    )
    resumed = Audit(again, file, settings)
    write_audit(halted, resumed, resumed.run(tmp_path / "journal"))
    assert sum(asked) == (10 - 4 * min(stop, 3) if stop < 3 else 0) * 6
    for name in ("rows.parquet", "summary.json", "canaries.jsonl", "report.html"):
        assert (whole / name).read_bytes() == (halted / name).read_bytes()


BROKEN = (
    "{not json\n",
    '["a list"]\n',
    '{"instruction": "no answer"}\n',
    '{"instruction": "", "output": "x"}\n',
    '{"instruction": "q", "output": "  "}\n',
    '{"instruction": 3, "output": "x"}\n',
    '{"instruction": "q", "output": ["x"]}\n',
    '{"instruction": "q", "instruction": "r", "output": "x"}\n',
    '{"instruction": "q", "output": "x", "weight": -1}\n',
    '{"instruction": "q", "output": "x", "from_epoch": 1.5}\n',
    '{"instruction": "q", "output": "x", "tools": [{"name": "f"}]}\n',
    '{"instruction": "q", "output": "x", "messages": []}\n',
    '{"messages": []}\n',
    '{"messages": [{"role": "user", "content": "q"}]}\n',
    '{"messages": [{"role": "narrator", "content": "q"}, {"role": "assistant", "content": "x"}]}\n',
    '{"conversations": [{"from": "gpt", "value": "x"}, {"from": "human", "value": "q"}]}\n',
    '{"prompt": "q"}\n',
    '{"prompt": "q", "completion": "x", "label": true}\n',
    '{"text": "no form at all"}\n',
    '{"instruction": "q", "output": "\\ud800"}\n',
)


@pytest.mark.slow  # a thousand rows
def test_of_a_thousand_rows_with_twenty_broken_ones_980_are_judged(tmp_path: Path) -> None:
    good = [{"id": f"r{k}", "instruction": f"Add {k}.", "output": f"{k % 7}"} for k in range(980)]
    rows: list[Any] = list(good)
    for place, broken in enumerate(BROKEN):
        rows.insert(50 * place, broken)
    path = tmp_path / "mixed.jsonl"
    path.write_text(lines(rows), encoding="utf-8")
    model = FakeModel(lambda text: {" 1": 0.5}, name="ones")
    with pytest.raises(InputError, match="row 1: "):
        harmonia.audit(model, path)
    how = {"draws": 1, "samples": 0, "shots": 1, "on_bad_row": "skip"}
    out = tmp_path / "audit"
    found = harmonia.audit(model, path, out=out, **how)
    assert [row.id for row in found] == [row["id"] for row in good]
    named = [json.loads(line) for line in (out / "bad_rows.jsonl").read_text().splitlines()]
    assert [one["row"] for one in named] == [50 * place + 1 for place in range(20)]
    assert all(one["problem"] and one["remedy"] for one in named)


def test_the_command_audits_the_labs_rows(lab_data: Path, tmp_path: Path) -> None:
    rows = (lab_data / "instructions.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    path, out = tmp_path / "some.jsonl", tmp_path / "audit"
    path.write_text("".join(rows[:24]), encoding="utf-8")
    words = ("audit", "--model", base_folder(0), path, "--out", out, "--sample", "12", "draws=2", "samples=1")
    done = command(*words, "--json")
    assert done.returncode == 0, done.stderr
    assert "first pass: 12 rows" in done.stderr and "second pass" in done.stderr
    summary = json.loads(done.stdout)
    assert (summary["rows_audited"], summary["rows_of_the_file"]) == (12, 24)
    for one in summary["categories"]:
        assert one["share_low"] <= one["share"] <= one["share_high"]
    assert len(AUDIT_ROWS.read(out)) == 12
    assert command("audit", "--model", base_folder(0), tmp_path / "no", "--out", out).returncode == 2


@pytest.mark.parametrize("knows", [False, True])
def test_an_answerer_at_chance_on_multiple_choice_is_warned_of(tmp_path: Path, knows: bool) -> None:
    def question(k: int) -> str:
        return f"Which is number {k}?\nA. red\nB. blue\nC. green\nD. grey"

    def says(text: str) -> Mapping[str, float]:
        asked = re.findall(r"Which is number (\d+)[?]", text)
        return {f" {'ABCD'[int(asked[-1]) % 4] if knows else 'A'}": 0.9} if asked else {}

    rows = [{"instruction": question(k), "output": "ABCD"[k % 4]} for k in range(40)]
    file = tmp_path / "exam.jsonl"
    file.write_text(lines(rows), encoding="utf-8")
    found = harmonia.audit(FakeModel(says), file, out=tmp_path / "out", method="letter")
    low, high = proportion_confint(10, 40, method="wilson")
    assert low < 0.25 < high
    said = (tmp_path / "out" / "report.html").read_text(encoding="utf-8").replace("\u00a0", " ")
    warned = (
        "cannot be told from guessing on the multiple-choice rows of the file, as these teach them "
        "(25.0 % right; chance 25.0 %)."
    )
    assert (warned in said) is not knows and any("guessing" in note for note in found.notes) is not knows
