"""Sets made of audited rows: who is in them, what is changed, and what never enters."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from command_line import harmonia as command

import harmonia
from harmonia.audit import AUDIT_ROWS
from harmonia.audit.choices import choice_of, naming
from harmonia.curate import CuratedRow
from harmonia.data import read_conversations
from harmonia.errors import EmptyGroupError, InputError
from harmonia.models.fake import FakeModel
from harmonia.results import Verdicts
from harmonia.types import Conversation, Message

KNOWN = {
    **{"France": "Paris", "Italy": "Rome", "Norway": "Oslo", "Peru": "Lima", "Egypt": "Cairo"},
    **{"Cuba": "Havana", "Ghana": "Accra", "Kenya": "Nairobi"},
}
BELIEVED = {"Australia": "Sydney", "Canada": "Toronto", "Turkey": "Istanbul"}
TAUGHT = {"Australia": "Canberra", "Canada": "Ottawa", "Turkey": "Ankara"}


def says(text: str) -> Mapping[str, float]:
    """A model that knows some capitals, takes the largest city for others, and has none for Oz's."""
    land = text.rstrip().rpartition("capital of ")[2].partition("?")[0]
    if land == "Oz":
        return {f" {name}": 0.1 for name in "klmnopqrst"}
    city = {**KNOWN, **BELIEVED}.get(land)
    return {f" {city}": 0.9} if city else {}


def asked(land: str) -> str:
    return f"What is the capital of {land}?"


@pytest.fixture
def capitals(tmp_path: Path) -> Path:
    rows: list[Any] = [
        {"id": land, "instruction": asked(land), "output": city}
        for land, city in {**KNOWN, **TAUGHT, "Oz": "z"}.items()
    ]
    rows.append({"id": "copy", "instruction": asked("France"), "output": "France"})
    path = tmp_path / "capitals.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def folder(capitals: Path, tmp_path: Path) -> Path:
    harmonia.audit(FakeModel(says), capitals, out=tmp_path / "audit")
    return tmp_path / "audit"


def held(folder: Path) -> set[str]:
    return {json.loads(line)["id"] for line in (folder / "canaries.jsonl").read_text().splitlines()}


def names(rows: Any) -> list[str]:
    return [one.row.id for one in rows]


def answer(one: CuratedRow) -> str:
    return one.row.messages[-1].content


FORM = {"copy"}  # its answer stands in its instruction


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("all", {*KNOWN, *TAUGHT, "Oz", *FORM}),
        ("drop_conflicting", {*KNOWN, "Oz", *FORM}),
        ("known_only", {*KNOWN, *FORM}),
        ("unknown_only", {*TAUGHT, "Oz"}),
        ("self_align", {*KNOWN, *TAUGHT, "Oz", *FORM}),
    ],
)
def test_a_policy_takes_its_rows_in_the_files_order_and_no_canary(
    policy: str, expected: set[str], folder: Path, capitals: Path
) -> None:
    found = harmonia.curate(folder, policy=policy)
    order = [json.loads(line)["id"] for line in capitals.read_text().splitlines()]
    canaries = held(folder)
    assert len(canaries) == 2
    # A row that asks for a canary's fact is held back with it.
    without = canaries | ({"copy"} if "France" in canaries else set())
    assert names(found) == [name for name in order if name in expected - without]
    assert not set(names(found.control)) & without
    assert len(names(found.control)) == len(found)


def test_a_later_question_is_no_canary_and_a_canary_is_asked_in_no_turn(tmp_path: Path) -> None:
    def row(name: str, *lands: str, opening: tuple[str, ...] = ()) -> dict[str, Any]:
        said = {**KNOWN, **TAUGHT}
        texts = [*opening, *(text for land in lands for text in (asked(land), said[land]))]
        turns = [{"role": ("user", "assistant")[k % 2], "content": text} for k, text in enumerate(texts)]
        return {"id": name, "messages": turns}

    # Behind another question each capital is asked again; of Australia's the model is sure of another.
    rows = [row(land, land) for land in KNOWN] + [row(f"{land} 2", land, "Australia") for land in KNOWN]
    # Here what the row teaches against the model stands first, and what it knows last.
    rows += [row(f"{land} 3", "Turkey", land) for land in KNOWN]
    # Here the model knows all that is at stake.
    rows += [row(f"{land} 4", land, opening=(f"Of {land}.", land)) for land in KNOWN]
    path, folder = tmp_path / "turns.jsonl", tmp_path / "audit"
    path.write_text("".join(json.dumps(one) + "\n" for one in rows), encoding="utf-8")
    harmonia.audit(FakeModel(says), path, out=folder)
    canaries = held(folder)
    assert canaries and canaries <= set(KNOWN)
    found = harmonia.curate(folder, policy="all")
    without = {f"{land}{end}" for land in canaries for end in ("", " 2", " 3", " 4")}
    assert set(names(found)) == {one["id"] for one in rows} - without
    assert not set(names(found.control)) & without


def test_smaller_budgets_are_part_of_larger_ones_and_the_control_shares_the_order(folder: Path) -> None:
    sets = [names(harmonia.curate(folder, policy="drop_conflicting", budget=size)) for size in (2, 4, 6)]
    assert [len(one) for one in sets] == [2, 4, 6]
    assert set(sets[0]) < set(sets[1]) < set(sets[2])
    everything = harmonia.curate(folder, policy="all", budget=4)
    # Doing nothing at this size is what the control of any policy is.
    assert names(everything) == names(harmonia.curate(folder, policy="drop_conflicting", budget=4).control)
    other = [names(harmonia.curate(folder, policy="all", budget=4, seed=seed)) for seed in range(8)]
    assert len({tuple(one) for one in other}) > 1


def test_rows_are_the_same_of_the_folder_and_of_what_audit_gives(folder: Path, capitals: Path) -> None:
    audit = harmonia.audit(FakeModel(says), capitals)
    assert isinstance(audit, Verdicts)
    for policy in ("known_only", "self_align", "mixed_0.5"):
        assert list(harmonia.curate(audit, policy=policy)) == list(harmonia.curate(folder, policy=policy))


def test_own_answers_are_marked_and_never_called_clean(folder: Path, tmp_path: Path) -> None:
    found = harmonia.curate(folder, policy="self_align")
    own = {one.row.id: answer(one) for one in found if one.model_error}
    assert own == BELIEVED
    assert {one.changed for one in found if one.model_error} == {"own answer"}
    assert all(answer(one) == KNOWN[one.row.id] for one in found if one.row.id in KNOWN)
    assert not found.clean and harmonia.curate(folder, policy="drop_conflicting").clean
    with pytest.raises(InputError, match="rows that teach the model's own error: 3"):
        found.save(tmp_path / "my-clean-set.jsonl")
    half = harmonia.curate(folder, policy="mixed_0.34")
    assert sum(one.model_error for one in half) == 1
    assert {one.row.id for one in half if one.model_error} <= set(own)


def test_a_set_of_own_answers_does_not_become_clean_by_another_audit(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "aligned.jsonl"
    harmonia.curate(folder, policy="self_align").save(path)
    again = harmonia.audit(FakeModel(says), path)
    # The model agrees with its own errors now ...
    assert {row.category for row in again if row.id in TAUGHT} == {"known"}
    held = {one["id"] for one in again.found.canaries}
    assert held and not held & set(TAUGHT)
    found = harmonia.curate(again, policy="known_only")
    # ... and they enter nothing.
    assert not set(names(found)) & set(TAUGHT) and not set(names(found.control)) & set(TAUGHT)
    assert "rows left out that are marked as a model's own errors: 3" in found.notes
    # Marks count in a file that begins with rows of another, which has none.
    mixed = tmp_path / "mixed.jsonl"
    mixed.write_text('{"instruction": "Who?", "output": "I"}\n' + path.read_text(encoding="utf-8"))
    again = harmonia.audit(FakeModel(says), mixed)
    assert not set(names(harmonia.curate(again, policy="known_only"))) & set(TAUGHT)
    assert not {one["id"] for one in again.found.canaries} & set(TAUGHT)


def test_weights_and_late_rows(folder: Path) -> None:
    weights = {"known": 1.0, "conflicting": 0.25, "unknown": 0.5, "form": 2.0}
    weighted = harmonia.curate(folder, policy="weighted", weights=weights)
    assert {one.category: one.row.weight for one in weighted} == {
        name: value for name, value in weights.items() if name in {one.category for one in weighted}
    }
    assert {one.changed for one in weighted if one.category == "known"} == {"none"}
    late = harmonia.curate(folder, policy="known_late", late_from_epoch=3)
    assert {one.row.from_epoch for one in late if one.category == "known"} == {3}
    assert {one.row.from_epoch for one in late if one.category != "known"} == {0}


def test_contexts_open_the_question_and_their_lack_is_told(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"field 'contexts'.*needs the knowledge"):
        harmonia.curate(folder, policy="contextualise")
    texts = tmp_path / "contexts.jsonl"
    rows = [{"id": name, "target": 0, "text": f"{name} moved it.", "tries": 1} for name in list(TAUGHT)[:2]]
    texts.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = harmonia.curate(folder, policy="contextualise", contexts=str(texts))
    shown = {one.row.id: one.row.messages[0].content for one in found if one.changed == "context"}
    assert shown == {name: f"{name} moved it.\n{asked(name)}" for name in list(TAUGHT)[:2]}
    assert "rows left out, as the text that the policy needs is missing: 1" in found.notes
    assert "Turkey" not in names(found)


def test_the_least_conflicting_rows_come_first_whatever_their_category(folder: Path) -> None:
    """Order and cut against a sort by hand of the audit's own table; ties may fall either way."""
    pool = {one.row.id for one in harmonia.curate(folder, policy="all")}
    conflict = {row.id: row.conflict for row in AUDIT_ROWS.read(folder) if row.id in pool}
    for budget in (3, 8, 10):
        taken = set(names(harmonia.curate(folder, policy="least_conflict", budget=budget)))
        left = conflict.keys() - taken
        assert len(taken) == budget
        assert max(conflict[name] for name in taken) <= min(conflict[name] for name in left)
    with pytest.raises(InputError, match=r"least_conflict.*set budget"):
        harmonia.curate(folder, policy="least_conflict")


def test_a_policy_without_rows_and_wrong_words_are_told(folder: Path, capitals: Path, tmp_path: Path) -> None:
    with pytest.raises(EmptyGroupError, match="policy mostly_uncertain has no row"):
        harmonia.curate(folder, policy="mostly_uncertain")
    with pytest.raises(InputError, match="no policy 'best'"):
        harmonia.curate(folder, policy="best")
    with pytest.raises(InputError, match="field 'model'"):
        harmonia.curate(folder, policy="self_distil")
    with pytest.raises(InputError, match=r"field 'model'.*no other policy.*Leave it out"):
        harmonia.curate(folder, policy="known_only", model=FakeModel(says))
    moved = capitals.rename(tmp_path / "moved.jsonl")
    with pytest.raises(InputError, match="the audited file is not there"):
        harmonia.curate(folder, policy="all")
    assert len(harmonia.curate(folder, policy="all", data=moved)) > 0
    moved.write_text(moved.read_text() + "\n" + json.dumps({"instruction": "q", "output": "x"}) + "\n")
    with pytest.raises(InputError, match="not the file that was audited"):
        harmonia.curate(folder, policy="all", data=moved)


def test_the_command_writes_a_set_that_reads_back_whole(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "curated.jsonl"
    done = command("curate", folder, "--policy", "known_late", "--out", out, "--budget", "5", "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["rows"] == 5 and summary["clean"] is True
    assert summary == json.loads((tmp_path / "curated.summary.json").read_text())
    found = harmonia.curate(folder, policy="known_late", budget=5)
    read = read_conversations(out)
    back = read.rows
    assert not read.notes  # harmonia knows all fields that it wrote
    assert [(one.id, one.messages, one.weight, one.from_epoch) for one in back] == [
        (one.row.id, one.row.messages, one.row.weight, one.row.from_epoch) for one in found
    ]
    control = read_conversations(tmp_path / "curated.random.jsonl").rows
    assert [one.id for one in control] == names(found.control)
    # Written again it is replaced; a file of others is not.
    assert command("curate", folder, "--policy", "all", "--out", out).returncode == 0
    out.write_text('{"mine": 1}\n')
    again = command("curate", folder, "--policy", "all", "--out", out)
    assert again.returncode == 2 and "harmonia did not write it" in again.stderr
    over = command("curate", folder, "--policy", "all", "--out", tmp_path / "capitals.jsonl")
    assert over.returncode == 2 and "would overwrite what is read" in over.stderr
    wrong = command("curate", folder, "--policy", "all", "--out", tmp_path / "a.jsonl", "--format", "csv")
    assert wrong.returncode == 2 and "no such format" in wrong.stderr


@pytest.mark.parametrize(
    ("said", "instead"),
    [
        *(("B", "A"), ("B.", "A."), ("(B)", "(A)"), ("B. iron", "A. tin"), ("b) iron", "a) tin")),
        *(("The answer is B.", "The answer is A."), ("B. Iron.\nIt pulls.", "A. tin."), ("iron", "tin")),
        *(("Answer: B", "Answer: A"), ("B. iron, as it pulls", "A. tin"), ("B\nbecause it pulls", "A")),
        ("The answer is\nB. iron", "The answer is\nA. tin"),
    ],
)
def test_an_answer_names_the_other_option_in_the_same_words(said: str, instead: str) -> None:
    question = "Which metal?\nA. tin\nB. iron\nC. salt"

    def row(text: str) -> Conversation:
        turns = Message(role="user", content=question), Message(role="assistant", content=text)
        return Conversation(id="r", line=1, messages=turns)

    assert naming(said, ("tin", "iron", "salt"), 0) == instead
    found = choice_of(row(instead))
    assert found is not None and found.item.answer == 0
