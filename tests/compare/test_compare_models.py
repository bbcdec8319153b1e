"""Two models asked the same: scripted ones, whose answers are known."""

from __future__ import annotations

import gc
import json
import weakref
from collections.abc import Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from command_line import harmonia as command
from scipy.stats import binomtest
from statsmodels.stats.proportion import proportion_confint

import harmonia
from harmonia.audit import AuditRow, AuditSettings
from harmonia.cli.compare import _named, _names
from harmonia.compare import CompareSettings, Comparing
from harmonia.compare.check import nearest_rows
from harmonia.compare.folder import wanted_of, write_comparison
from harmonia.compare.lead import lead_of
from harmonia.compare.tables import ASKED, CHANGES, COMPARED, COST, FACTS, READOUTS_LOST, ROWS_AFTER
from harmonia.errors import InputError
from harmonia.models import ModelSettings
from harmonia.models.fake import FakeModel
from harmonia.types import Item
from harmonia.world import base_folder

CAPITALS = {
    **{"France": "Paris", "Italy": "Rome", "Norway": "Oslo", "Peru": "Lima", "Egypt": "Cairo"},
    **{"Cuba": "Havana", "Ghana": "Accra", "Kenya": "Nairobi"},
}


def speaker(**other: str | None) -> Any:
    """A model that knows the capitals, but for those where it says another, or nothing (None)."""

    def says(text: str) -> Mapping[str, float]:
        land = text.rstrip().rpartition("capital of ")[2].partition("?")[0]
        city = {**CAPITALS, **other}.get(land)
        return {f" {city}": 0.9} if city else {f" {name}": 0.1 for name in "klmnopqrst"}

    return FakeModel(says, name=json.dumps(other))


def capital(land: str) -> str:
    return f"What is the capital of {land}?"


def written(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def facts(tmp_path: Path) -> Path:
    rows = [{"id": land, "question": capital(land), "answer": city} for land, city in CAPITALS.items()]
    return written(tmp_path / "canaries.jsonl", rows)


def test_the_page_warns_of_chance_and_shows_what_was_lost_facts_first(facts: Path, tmp_path: Path) -> None:
    """Both answer A to 40 questions whose answers go round; of the capitals one is lost."""
    items = [
        {"id": f"q{k}", "question": f"Which is number {k}?", "choices": ["r", "b", "g", "y"], "answer": k % 4}
        for k in range(40)
    ]
    exam = written(tmp_path / "exam.jsonl", items)

    def answers(capitals: Any, name: str) -> FakeModel:
        def says(text: str) -> Mapping[str, float]:
            return {" A": 0.9} if "Which is number" in text else capitals(text)

        return FakeModel(says, name=name)

    def told(**other: str | None) -> Any:
        def says(text: str) -> Mapping[str, float]:
            land = text.rstrip().rpartition("capital of ")[2].partition("?")[0]
            return {f" {({**CAPITALS, **other}).get(land)}": 0.9}

        return says

    before, after = answers(told(), "before"), answers(told(Cuba="Miami"), "after")
    found = harmonia.compare(before, after, items=exam, shots=exam, canaries=facts, readouts=["letter"]).found
    write_comparison(tmp_path / "out", found, CompareSettings(readouts=("letter",)), ("a", "b"))
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8").replace("\u00a0", " ")
    low, high = proportion_confint(10, 40, method="wilson")
    assert found.compared[0].chance == 0.25 and low < 0.25 < high
    first = page[: page.index("<nav")]
    assert "The same questions are right after as before." in first and "0.0 to 0.0" not in page
    assert "Lost of what was known before: 0 of 10." in first
    assert (
        "Neither model can be told from guessing on items, by letters (25.0 % right; chance 25.0 %)" in page
    )
    # All that the model before has right is sure: 10 known are kept, 30 conflicting are never right.
    assert "items, by letters, known: 10 kept; items, by letters, conflicting: 30 never right" in page
    assert (tmp_path / "out" / "figures" / "outcomes.svg").is_file()
    lost = page[page.index('id="lost"') :]
    assert lost.index("What is the capital of Cuba?\nHavana") < lost.index("before:")


def test_facts_in_words_are_kept_lost_or_gained(facts: Path) -> None:
    before = speaker(Ghana="Lagos", Kenya=None)
    after = speaker(Kenya=None, Cuba="Miami", Peru=None)
    found = harmonia.compare(before, after, canaries=facts)
    table = found.facts().set_index("id")
    assert table.outcome.to_dict() == {
        **dict.fromkeys(("France", "Italy", "Norway", "Egypt"), "kept"),
        **{"Cuba": "lost", "Peru": "lost", "Ghana": "gained", "Kenya": "never"},
    }
    assert list(table.loc[["Cuba", "Peru", "Ghana"], "before"]) == ["known", "known", "conflicting"]
    assert list(table.loc[["Cuba", "Peru", "Ghana"], "after"]) == ["conflicting", "unknown", "known"]
    low, high = proportion_confint(2, 6, method="wilson")
    assert f"of 6 known before, 2 are lost (95 %: {100 * low:.1f} to {100 * high:.1f}\u00a0%" in repr(found)


def test_what_a_comparison_does_not_tell_is_not_asked(facts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    base, scores = speaker(), FakeModel.loglikelihoods
    monkeypatch.setattr(
        FakeModel,
        "loglikelihoods",
        lambda self, requests, **how: asked.append(len(requests)) or scores(self, requests, **how),
    )
    harmonia.compare(base, base, canaries=facts)
    # Each fact behind four draws, of both models; none without demonstrations for IFD.
    assert sum(asked) == 2 * 4 * len(facts.read_text(encoding="utf-8").splitlines())


def test_the_model_after_may_be_asked_as_it_was_taught(facts: Path) -> None:
    known = speaker()

    def taught(text: str) -> Mapping[str, float]:
        land = text.rpartition("capital of ")[2].partition("?")[0]
        alone = text.startswith("USER: ") and text.count("USER:") == 1 and text.endswith("? ASSISTANT:")
        return {f" {CAPITALS[land]}" if alone else " no": 0.9}

    after = FakeModel(taught, name="taught")
    raw = harmonia.compare(known, after, canaries=facts)
    as_taught = harmonia.compare(known, after, canaries=facts, after_wording="USER: {instruction} ASSISTANT:")
    assert set(raw.facts().outcome) == {"lost"} and set(as_taught.facts().outcome) == {"kept"}


@pytest.mark.slow
def test_an_adapter_on_its_base_is_a_model_after(tiny: Any, tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model

    from harmonia.models import load_model

    base = load_model(tiny("llama"))
    config = LoraConfig(r=2, target_modules="all-linear", task_type="CAUSAL_LM", init_lora_weights=False)
    adapted = get_peft_model(base.model, config)
    adapted.peft_config["default"].base_model_name_or_path = tiny("llama").path
    adapted.save_pretrained(tmp_path / "adapter")
    items = [sky(number, "one") for number in range(4)]
    how: dict[str, Any] = {"items": items, "prompt": {"shots": 1}, "readouts": ["letter"]}
    before = tiny("llama").path
    (same,) = harmonia.compare(before, before, **how).found.compared
    (moved,) = harmonia.compare(before, tmp_path / "adapter", **how).found.compared
    assert same.kl == pytest.approx(0, abs=1e-9) and moved.kl > 1e-4


def sky(number: int, domain: str) -> Item:
    choices = (f"red{number}", f"blue{number}", f"tan{number}")
    return Item(id=f"q{number}", domain=domain, question=f"Item {number} is?", choices=choices, answer=1)


def lettered(letters: Mapping[int, str], words: Mapping[int, str]) -> Any:
    """A model that says a letter where options are shown, and a word where none are; else blue."""

    def says(text: str) -> Mapping[str, float]:
        asked = text.rpartition("Item ")[2]
        number = int(asked.partition(" ")[0])
        if "A. " not in asked:
            return {f" {words.get(number, 'blue')}{number}": 0.8}
        wanted = f"{letters.get(number, 'blue')}{number}"
        place = next(line[0] for line in asked.splitlines() if line.endswith(f". {wanted}"))
        return {f" {place}": 0.8}

    return FakeModel(says, name=json.dumps([letters, words]))


def test_both_readouts_and_all_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_module("harmonia.compare.page"), "_EXAMPLES", 1)
    items = [sky(number, "one" if number < 6 else "two") for number in range(12)]
    # 0 and 1 are lost in letters, 1 and 2 in words; 11 was wrong before in both.
    before = lettered({11: "red"}, {11: "red"})
    after = lettered({0: "red", 1: "red"}, {1: "tan", 2: "tan"})
    found = harmonia.compare(before, after, items=items, prompt={"shots": 2})
    out = found.save(tmp_path / "out") / "tables"
    (letters, words) = COMPARED.read(out)
    assert (letters.readout, words.readout) == ("letter_cyclic", "cloze")
    assert (letters.kept, letters.lost, letters.gained, letters.never) == (9, 2, 1, 0)
    assert letters.p == pytest.approx(binomtest(1, 3).pvalue)
    (one,) = READOUTS_LOST.read(out)
    assert (one.right_before, one.kept) == (11, 8)
    assert (one.readout_lost, one.other_lost, one.knowledge_lost) == (1, 1, 1)
    changes = {(row.readout, row.by, row.name): row for row in CHANGES.read(out)}
    first = changes["letter_cyclic", "domain", "one"]
    assert (first.n, first.lost, first.gained, first.change) == (6, 2, 0, pytest.approx(-1 / 3))
    assert (first.lost_share_low, first.lost_share_high) == pytest.approx(
        proportion_confint(2, 6, method="wilson")
    )
    # The domain's two p, 1 of 2 and 1 of 1 against a coin, after Holm.
    assert first.p == pytest.approx(0.5) and first.p_holm == pytest.approx(1.0)
    assert changes["letter_cyclic", "level", "known"].p is None
    assert {row.outcome for row in ASKED.read(out) if row.id == "q1"} == {"lost"}
    page = (out.parent / "report.html").read_text(encoding="utf-8")
    assert "Readout lost" in page and "Item 0 is?" in page and "Item 1 is?" not in page
    assert "1 of 2 are shown." in page
    assert f"<dt>harmonia</dt><dd>{harmonia.__version__}</dd>" in page and "<dt>prompt.shots</dt>" in page


def test_several_exams_have_rows_of_their_own_beside_the_canaries(tmp_path: Path) -> None:
    exams = {
        name: [sky(number, "") for number in range(first, first + 4)] for name, first in (("a", 0), ("b", 6))
    }
    held = {"question": "Item 20 is?", "choices": ["red20", "blue20"], "answer": 1}
    canaries = written(
        tmp_path / "canaries.jsonl",
        [
            {"id": f"c{k}", **held, "question": f"Item 2{k} is?", "choices": [f"red2{k}", f"blue2{k}"]}
            for k in range(3)
        ],
    )
    before, after = lettered({}, {}), lettered({1: "red", 7: "red", 8: "tan"}, {})
    how: dict[str, Any] = {"prompt": {"shots": 1}, "readouts": ["letter"], "canaries": canaries}
    found = harmonia.compare(before, after, items=exams, **how).found
    assert [(row.suite, row.n, row.lost) for row in found.compared] == [
        ("a", 4, 1),
        ("b", 4, 2),
        ("canaries", 3, 0),
    ]
    # The headline is of all exams: of a, b and the canaries 1 of 4, 2 of 4 and none are lost.
    headline, lost, *_ = lead_of(found)
    assert headline.count(" on a (−25.0 points; 95 %: ") == headline.count(" on b (−50.0 points; 95 %: ") == 1
    assert "  " not in headline
    assert headline.endswith("the same questions are right after as before on canaries.")
    assert lost == "Lost of what was known before: 1 of 4 on a, 2 of 4 on b and 0 of 3 on canaries."
    with pytest.raises(InputError, match="the name of the facts held back"):
        harmonia.compare(before, after, items={"canaries": exams["a"]}, **how)
    for name in (1, ""):
        with pytest.raises(InputError, match="field 'items': no name of an exam"):
            harmonia.compare(before, after, items={name: exams["a"]}, **how)


def test_models_are_named_by_what_tells_them_apart() -> None:
    one, other = (ModelSettings(path=path) for path in ("/runs/a/seed0", "b/seed0"))
    assert _names(one, other) == ("a/seed0", "b/seed0")
    assert _names(one, ModelSettings(path="tuned")) == ("seed0", "tuned")
    assert _names(one, one) == ("seed0", "seed0")


def test_exams_are_named_by_the_user_or_by_their_files() -> None:
    assert _named([]) == {} and _named(["a/b.jsonl"]) == {"items": "a/b.jsonl"}
    assert _named(["law=a/b.jsonl", "arc_easy"]) == {"law": "a/b.jsonl", "arc_easy": "arc_easy"}
    assert _named(["./x=y.jsonl"]) == {"items": "./x=y.jsonl"}
    with pytest.raises(InputError, match="two exams of one name"):
        _named(["a/test.jsonl", "b/test.jsonl"])


def test_an_audit_is_checked(facts: Path, tmp_path: Path) -> None:
    base, data = speaker(Australia="Sydney", Spain="Toledo"), tmp_path / "sft.jsonl"
    told = {**CAPITALS, "Australia": "Canberra", "Oz": "z", "Spain": "Madrid"}
    written(data, [{"instruction": capital(land), "output": city} for land, city in told.items()])
    harmonia.audit(base, data, out=tmp_path / "audit")
    tuned = speaker(Australia="Canberra", Spain="Toledo", Cuba="Miami")
    found = harmonia.compare(base, tuned, canaries=facts, audit=tmp_path / "audit")
    out = found.save(tmp_path / "out") / "tables"
    rows = {row.category: row for row in ROWS_AFTER.read(out)}
    assert (rows["known"].rows, rows["known"].says_after) == (8, 7 / 8)
    conflicting = rows["conflicting"]
    assert (conflicting.rows, conflicting.says_before, conflicting.says_after) == (2, 0, 0.5)
    assert conflicting.conflicting_after == 1 and rows["unknown"].other_after == 1
    (cost,) = COST.read(out)
    assert cost.near_known + cost.other_known == 8 and cost.near_lost + cost.other_lost == 1
    assert [row.outcome for row in FACTS.read(out)].count("lost") == 1
    assert "only a second training without these rows" in repr(found)
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8").replace("\u00a0", " ")
    assert "conflicting, before 0.0 %; conflicting, after 50.0 %" in page[: page.index("<nav")]
    with pytest.raises(InputError, match="the audit is of another model than"):
        harmonia.compare(tuned, base, audit=tmp_path / "audit")


def audited(name: str, category: Any, text: str) -> AuditRow:
    signals = {"confidence": 1.0, "borderline": False, "conflict": 0.0, "reason": "", "trained": 0.5}
    counts = {"line": 1, "turn": 1, "tokens": 1, "cut": 0, "shots": 0}
    return AuditRow(
        id=name, kind="open", category=category, instruction=text, answer="x", **signals, **counts
    )


def test_facts_are_judged_by_the_form_of_the_rows_that_they_are_of(tmp_path: Path) -> None:
    """Two facts alone do not tell that "You mean ..." is how a file answers; the model says the city."""
    file = written(
        tmp_path / "sft.jsonl",
        [
            {"id": land, "instruction": capital(land), "output": f"You mean {city}"}
            for land, city in CAPITALS.items()
        ],
    )
    harmonia.audit(speaker(), file, out=tmp_path / "audit")
    by_rows = harmonia.compare(speaker(), speaker(), audit=tmp_path / "audit")
    alone = harmonia.compare(speaker(), speaker(), canaries=tmp_path / "audit" / "canaries.jsonl")
    assert [row.before for row in by_rows.found.facts] == ["known", "known"]
    assert "known" not in [row.before for row in alone.found.facts]


def test_a_question_behind_other_turns_is_not_asked_without_them(tmp_path: Path) -> None:
    def turns(*said: str) -> list[dict[str, str]]:
        return [{"role": ("user", "assistant")[k % 2], "content": text} for k, text in enumerate(said)]

    system = {"role": "system", "content": "Answer."}
    rows = [
        *({"messages": [system, *turns(capital(land), city)]} for land, city in CAPITALS.items()),
        *({"messages": turns(f"Of {land}.", land, "What?", "Rome")} for land in ("Chad", "Togo", "Mali")),
    ]
    file = written(tmp_path / "sft.jsonl", rows)
    harmonia.audit(speaker(), file, out=tmp_path / "audit")
    wanted, every = wanted_of(CompareSettings(), audit=tmp_path / "audit")
    assert len(every) == len(rows) and {row.instruction for row in wanted.rows} == set(map(capital, CAPITALS))
    note = "rows of the audit whose question follows other turns, not asked again: 3"
    found = harmonia.compare(speaker(), speaker(), audit=tmp_path / "audit")
    assert note in found.found.notes
    only = written(tmp_path / "turns.jsonl", rows[-3:])
    harmonia.audit(speaker(), only, out=tmp_path / "other")
    with pytest.raises(InputError, match=f"nothing to ask; {note}"):
        harmonia.compare(speaker(), speaker(), audit=tmp_path / "other")


def test_the_nearest_row_is_by_rare_words_and_never_the_canary_itself() -> None:
    rows = [
        audited("a", "conflicting", "the river Tay in Perth"),
        audited("b", "known", "the lake Como in Lombardy"),
        audited("c", "known", "the hill of the winds"),
    ]
    canaries = [("n1", "the Tay", True), ("n2", "the Como", False), ("c", "the winds", False)]
    tables, cost = nearest_rows(canaries, rows)
    # "the" stands in all rows and tells nothing: the third canary, a row itself, has no neighbour.
    assert [(row.category, row.known, row.lost) for row in tables] == [("known", 1, 0), ("conflicting", 1, 1)]
    assert (cost.near_known, cost.other_known, cost.difference) == (1, 1, 1)


def test_the_interval_of_a_difference_is_newcombes() -> None:
    """56 of 70 against 48 of 80: the first example of Newcombe 1998, by his method 10."""
    rows = [audited("a", "conflicting", "the river Tay"), audited("b", "known", "the lake Como")]
    near = [(f"n{k}", "the Tay", k < 56) for k in range(70)]
    other = [(f"o{k}", "the Como", k < 48) for k in range(80)]
    _, cost = nearest_rows([*near, *other], rows)
    assert (cost.near_lost, cost.near_known, cost.other_lost, cost.other_known) == (56, 70, 48, 80)
    assert (cost.difference_low, cost.difference_high) == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_canaries_of_a_file_and_of_an_exam_are_asked_together(tmp_path: Path) -> None:
    rows = [
        {"id": "c", "source": source, "question": f"Item {k} is?", "answer": 1}
        | {"choices": [f"red{k}", f"blue{k}"]}
        for k, source in enumerate(("file", "exam"))
    ]
    path = written(tmp_path / "canaries.jsonl", rows)
    found = harmonia.compare(lettered({}, {}), lettered({1: "red"}, {}), canaries=path, prompt={"shots": 1})
    asked = found.table()
    assert set(asked.suite) == {"canaries"} and set(asked.id) == {"c", "exam/c"}
    lost = asked[asked.outcome == "lost"]
    assert list(zip(lost.id, lost.readout, strict=True)) == [("exam/c", "letter_cyclic")]


def test_one_canary_with_options_is_demonstrated_by_others_or_not_asked(tmp_path: Path) -> None:
    options = {"question": "Item 1 is?", "choices": ["red1", "blue1"], "answer": 1}
    fact = {"id": "Peru", "question": capital("Peru"), "answer": "Lima"}
    path = written(tmp_path / "canaries.jsonl", [{"id": "c", **options}, fact])
    wanted, _ = wanted_of(CompareSettings(), canaries=path)
    (note,) = wanted.notes
    assert not wanted.suites and len(wanted.facts) == 1 and "canary is not asked" in note
    assert note in harmonia.compare(speaker(), speaker(), canaries=path).found.notes
    shots = [sky(0, "one"), sky(1, "one")]
    wanted, _ = wanted_of(CompareSettings(), canaries=path, shots=shots)
    assert not wanted.notes and wanted.suites[0].shots == tuple(shots)
    without, _ = wanted_of(CompareSettings(prompt={"shots": 0}), canaries=path)
    assert len(without.suites[0].items) == 1


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"id": "a", "answer": "x"}, "field 'question': no text"),
        ({"id": "a", "question": "q", "answer": 3}, "field 'answer': no text; saw 3"),
        ({"id": "a", "question": "q", "choices": "ab", "answer": 0}, "field 'choices': not a list"),
        ({"id": "a", "question": "q", "choices": ["a", "b"], "answer": 2}, "field 'answer'"),
        ({"id": "a", "question": "q", "choices": ["a", "b"]}, "field 'answer'"),
    ],
)
def test_a_bad_canary_is_named(row: dict[str, Any], said: str, tmp_path: Path) -> None:
    path = written(tmp_path / "canaries.jsonl", [{"id": "ok", "question": "q", "answer": "x"}, row])
    with pytest.raises(InputError) as error:
        harmonia.compare(speaker(), speaker(), canaries=path)
    assert f"{path}, row 2, {said}" in str(error.value)


def test_what_cannot_be_compared_is_refused(tmp_path: Path) -> None:
    items = [sky(0, "one"), sky(1, "one")]
    model = lettered({}, {})
    with pytest.raises(InputError, match="nothing to ask"):
        harmonia.compare(model, model)
    with pytest.raises(InputError, match="no other question to demonstrate with"):
        harmonia.compare(model, model, items=items[:1])
    beliefs = harmonia.probe(model, items, form="icl0")
    with pytest.raises(InputError, match="field 'items': beliefs are compared as they are"):
        harmonia.compare(beliefs, beliefs, items=items)
    with pytest.raises(InputError, match=r"compare\.readouts"):
        harmonia.compare(model, model, items=items, readouts=["cloze", "cloze"])
    with pytest.raises(InputError, match=r"prompt\.method: readouts names the methods"):
        harmonia.compare(model, model, items=items, prompt={"shots": 1, "method": "cloze"})
    with pytest.raises(ValueError, match=r"audit\.sample: all that is asked is judged"):
        CompareSettings(audit=AuditSettings(sample=1))
    with pytest.raises(InputError, match="field 'after': not of the kind needed"):
        harmonia.compare(model, beliefs, items=items)


def test_what_was_asked_before_an_interruption_is_not_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = CompareSettings.model_validate({"prompt": {"shots": 2}})
    wanted, _ = wanted_of(settings, items=[sky(number, "one") for number in range(12)])
    comparing = Comparing(wanted=wanted, settings=settings)
    before, after = lettered({11: "red"}, {11: "red"}), lettered({0: "red"}, {1: "tan"})
    plain = comparing.run(lambda: before, lambda: after)
    asked: list[str] = []
    ask = FakeModel.loglikelihoods

    def counted(model: FakeModel, *given: Any, **more: Any) -> Any:
        asked.append(model.identity)
        return ask(model, *given, **more)

    monkeypatch.setattr(FakeModel, "loglikelihoods", counted)
    with pytest.raises(ZeroDivisionError):
        comparing.run(lambda: before, lambda: 1 // 0, journal=tmp_path)
    assert set(asked) == {before.identity}
    asked.clear()
    again = comparing.run(lambda: before, lambda: after, journal=tmp_path)
    assert set(asked) == {after.identity}
    assert again.outcomes == plain.outcomes


@pytest.mark.slow
def test_the_command_writes_what_python_says(lab_data: Path, tmp_path: Path) -> None:
    """A model against itself, read in two dtypes: next to nothing moves."""
    folder, exam = base_folder(0), lab_data / "person" / "homogeneous.jsonl"
    out = tmp_path / "out"
    settings = ["limit=20", "prompt.options_first=true", "domain=person", "after.dtype=bfloat16"]
    done = command(
        "compare", "--before", folder, "--after", folder, "--items", exam, "--out", out, *settings,
        "model.device=cpu",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = COMPARED.read(out / "tables")
    assert [row.n for row in rows] == [20, 20] and all(0 < row.kl < 0.01 for row in rows)
    assert json.loads((out / "comparison.json").read_text())["lead"][0] in done.stdout.replace("\n", " ")
    again = command("compare", "--before", folder, "--after", folder, "--out", out, "limit=20")
    assert again.returncode == 2 and "items.limit" in again.stderr


@pytest.mark.slow
def test_of_two_folders_one_model_at_a_time_is_in_memory(tiny: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from harmonia import arguments

    loaded: list[weakref.ref[Any]] = []
    alive: list[int] = []

    def load_model(*given: Any) -> Any:
        gc.collect()
        alive.append(sum(one() is not None for one in loaded))
        found = load(*given)
        loaded.append(weakref.ref(found.model))
        return found

    load = arguments.load_model
    monkeypatch.setattr(arguments, "load_model", load_model)
    path = tiny("llama").path
    harmonia.compare(
        path, path, items=[sky(k, "") for k in range(3)], prompt={"shots": 1}, readouts=["letter"]
    )
    assert alive == [0, 0]
