"""SliCK: categories by hand, what early stop leaves out, and the lab asked by transformers alone."""

from __future__ import annotations

import itertools
import json

import pyarrow.parquet as pq
import pytest
import torch
from models import make_tiny, wrapped
from pydantic import ValidationError

from harmonia.errors import InputError
from harmonia.models import Continuation, ModelSettings, load_model
from harmonia.prompts import Controls, Encoder, plain_text
from harmonia.slick import knowledge as module
from harmonia.slick.knowledge import SlickSettings, category_of, probe_knowledge
from harmonia.slick.knowledge_file import write_knowledge
from harmonia.slick.questions import OpenQuestion
from harmonia.world import base_folder, base_world, free_questions

QUESTIONS = tuple(
    OpenQuestion(id=f"q{k}", domain="d", question=f"Question {k}?", answers=("right",)) for k in range(4)
)
SMALL = SlickSettings(prompts=3, shots=2, samples=2)
TOKENIZER = wrapped("byte")


@pytest.mark.parametrize(
    ("right", "prompts", "sampled", "category"),
    [
        (10, 10, 0, "HighlyKnown"),
        (9, 10, 160, "MaybeKnown"),
        (1, 10, 0, "MaybeKnown"),
        (0, 10, 1, "WeaklyKnown"),
        (0, 10, 0, "Unknown"),
        (1, 1, 0, "HighlyKnown"),
    ],
)
def test_categories_by_hand(right, prompts, sampled, category):
    assert category_of(greedy_right=right, prompts=prompts, sampled_right=sampled) == category


class Oracle:
    """A generator that answers by a table, and notes every prompt and every answer given.

    `table[question id]` is (greedy answers right, one a prompt; samples right, one tuple a prompt).
    Without a table it is always right; asked about `dies_at`, it dies.
    """

    controls = Controls(TOKENIZER)

    def __init__(self, table=None, dies_at="nothing") -> None:
        self.table, self.dies_at = table, dies_at
        self.given, self.prompts = [], {}

    def generate(self, prompts, settings, *, addresses, seed, stage):
        found = []
        self.prompts.update(zip(addresses, prompts, strict=True))
        for address in addresses:
            if address.startswith(self.dies_at):
                raise Killed
            if self.table is None:
                found.append((Continuation(text=" right", tokens=(), ended="stop"),))
                continue
            name, number = address.split("/")
            greedy, sampled = self.table[name]
            right = (greedy[int(number)],) if settings.temperature == 0 else sampled[int(number)]
            assert len(right) == settings.samples
            self.given.append((name, int(number), settings.temperature > 0))
            texts = ("Right." if one else "wrong" for one in right)
            found.append(tuple(Continuation(text=f" {text}", tokens=(), ended="stop") for text in texts))
        return found


ALL = list(
    itertools.product(
        itertools.product((False, True), repeat=3),
        itertools.product(itertools.product((False, True), repeat=2), repeat=3),
    )
)


def test_early_stop_never_changes_a_category():
    """All 512 patterns of right and wrong answers of three prompts with two samples each."""
    questions = [
        OpenQuestion(id=f"q{k}", domain="d", question=f"Question {k}?", answers=("right",))
        for k in range(len(ALL))
    ]
    oracle = Oracle({one.id: pattern for one, pattern in zip(questions, ALL, strict=True)})
    early = probe_knowledge(oracle, questions, questions, SMALL)
    spared = len(oracle.given)
    whole = probe_knowledge(oracle, questions, questions, SMALL.model_copy(update={"early_stop": False}))
    assert [one.category for one in early] == [one.category for one in whole]
    assert len(oracle.given) - spared == 512 * 6 and spared < 512 * 3.5
    for (greedy, sampled), one in zip(ALL, whole, strict=True):
        several = sum(map(sum, sampled))
        assert (one.p_greedy, one.p_sampled) == (sum(greedy) / 3, several / 6)
        expected = {3: "HighlyKnown", 0: "WeaklyKnown" if several else "Unknown"}
        assert one.category == expected.get(sum(greedy), "MaybeKnown")


def test_what_early_stop_asks():
    table = {
        "q0": ((True, True, True), None),  # all must be asked, no sample
        "q1": ((True, False, True), None),  # decided by the second
        "q2": (
            (False, False, False),
            ((False, False), (False, True), None),
        ),  # by the second prompt's samples
        "q3": ((False, False, False), ((False, False),) * 3),  # never
    }
    oracle = Oracle(table)
    found = probe_knowledge(oracle, QUESTIONS, QUESTIONS, SMALL)
    assert [(one.category, one.greedy_asked, one.sampled_asked) for one in found] == [
        ("HighlyKnown", 3, 0),
        ("MaybeKnown", 2, 0),
        ("WeaklyKnown", 3, 4),
        ("Unknown", 3, 6),
    ]
    assert [(one.p_greedy, one.p_sampled) for one in found] == [(1, None), (None, None), (0, None), (0, 0)]
    assert found[1].answers == ("Right.", "wrong")


class Killed(BaseException):
    pass


def test_an_interrupted_pass_goes_on_where_it_stopped(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "CHUNK", 2)
    table = {f"q{k}": ((k % 2 == 0,) * 3, ((False, True),) * 3) for k in range(4)}
    whole = probe_knowledge(Oracle(table), QUESTIONS, QUESTIONS, SMALL)
    journal = tmp_path / "journal.jsonl"
    with pytest.raises(Killed):
        probe_knowledge(Oracle(table, dies_at="q2"), QUESTIONS, QUESTIONS, SMALL, journal=journal)
    with journal.open("a") as handle:
        handle.write('{"start": 2, "tal')
    oracle = Oracle(table)
    assert probe_knowledge(oracle, QUESTIONS, QUESTIONS, SMALL, journal=journal) == whole
    assert {name for name, *_ in oracle.given} == {"q2", "q3"}


def prompts_seen(questions, pool, settings):
    oracle = Oracle()
    probe_knowledge(oracle, questions, pool, settings)
    return oracle.prompts


def test_prompts_by_hand():
    only = QUESTIONS[:2]
    seen = prompts_seen(only, only, SlickSettings(prompts=1, shots=1))
    assert seen == {
        "q0/0": "Q: Question 1?\nA: right\n\nQ: Question 0?\nA:",
        "q1/0": "Q: Question 0?\nA: right\n\nQ: Question 1?\nA:",
    }
    words = SlickSettings(prompts=1, shots=0, question="{question}\nAnswer:")
    assert prompts_seen(only[:1], (), words) == {"q0/0": "Question 0?\nAnswer:"}


def test_demonstrations_are_drawn_by_address():
    pool = [
        OpenQuestion(id=f"s{k}", domain="de"[k % 2], question=f"Shot {k}?", answers=("yes", "no"))
        for k in range(40)
    ]
    asked = [*QUESTIONS, *pool]
    seen = prompts_seen(asked, pool, SMALL)
    heads = {address: prompt.rsplit("\n\n", 1)[0] for address, prompt in seen.items()}
    # Shared by all questions of a domain, other for each prompt, of the domain alone, never the question.
    assert len({heads["q0/0"], heads["q0/1"], heads["q0/2"]}) == 3
    assert {heads[f"q{k}/0"] for k in range(4)} == {heads["q0/0"]}
    assert all(
        int(line.split()[2][:-1]) % 2 == 0 for line in heads["q0/0"].split("\n") if line.startswith("Q")
    )
    for shot in pool:
        assert all(shot.question not in heads[f"{shot.id}/{number}"] for number in range(3))
        assert all(head.count("A: yes") == 2 for head in heads.values())
    # The order of files changes nothing; another seed does.
    assert prompts_seen(asked[::-1], pool[::-1], SMALL) == seen
    assert prompts_seen(asked, pool, SMALL.model_copy(update={"seed": 1})) != seen
    own = prompts_seen(asked, pool, SMALL.model_copy(update={"demonstrations": "per_item"}))
    assert len({own[f"q{k}/0"].rsplit("\n\n", 1)[0] for k in range(4)}) == 4


def test_too_few_demonstrations_and_bad_wordings():
    with pytest.raises(InputError, match="2 demonstrations are needed, 1 fit question q0") as caught:
        probe_knowledge(Oracle(), QUESTIONS[:2], QUESTIONS[:2], SMALL)
    assert caught.value.field == "shots"
    for wording in ("Q: A:", "{question} "):
        with pytest.raises(ValidationError, match="question"):
            SlickSettings(question=wording)


@pytest.fixture(scope="module")
def lab():
    return load_model(ModelSettings(path=str(base_folder(0)), device="cpu"))


def lab_questions(kind: str, count: int) -> list[OpenQuestion]:
    asked = [one for one in free_questions(base_world(base_folder(0)), "person") if one.kind == kind]
    return [
        OpenQuestion(id=one.id, domain="person", question=one.question, answers=(one.answer,))
        for one in asked[:count]
    ]


LAB = SlickSettings(prompts=3, shots=4, samples=4, question="{question}\nAnswer:")


def test_the_lab_model_knows_what_it_was_taught(lab):
    """The corpus taught the known facts, and never the true value of a misconception."""
    pool = lab_questions("known", 40)
    known = probe_knowledge(lab, pool[:12], pool, LAB)
    false = probe_knowledge(lab, lab_questions("misconception", 12), pool, LAB)
    assert sum(one.category == "HighlyKnown" for one in known) >= 10
    assert not any(one.category in ("HighlyKnown", "MaybeKnown") for one in false)


def test_early_stop_gives_the_full_runs_categories_on_the_lab(lab):
    pool = lab_questions("known", 20)
    asked = [*pool[:6], *lab_questions("contested", 6), *lab_questions("untaught", 6)]
    early = probe_knowledge(lab, asked, pool, LAB)
    whole = probe_knowledge(lab, asked, pool, LAB.model_copy(update={"early_stop": False}))
    assert [one.category for one in early] == [one.category for one in whole]
    assert len({one.category for one in whole}) >= 3
    for short, full in zip(early, whole, strict=True):
        assert full.answers[: len(short.answers)] == short.answers
        assert full.sampled_asked == 12


def test_greedy_answers_are_transformers_own(lab):
    pool = lab_questions("known", 20)
    asked = [*pool[:3], *lab_questions("contested", 3)]
    prompts = prompts_seen(asked, pool, LAB)
    for one in probe_knowledge(lab, asked, pool, LAB.model_copy(update={"early_stop": False})):
        for number, answer in enumerate(one.answers):
            ids = torch.tensor(Encoder(lab.tokenizer).encode([prompts[f"{one.question.id}/{number}"]]))
            out = lab.model.generate(
                input_ids=ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=8
            )
            text = lab.tokenizer.decode(out[0, ids.shape[1] :])
            assert text.split("\n")[0].strip() == answer


def test_a_prompt_too_long_is_named(lab):
    long = OpenQuestion(id="long", domain="d", question="river " * 600, answers=("x",))
    with pytest.raises(InputError, match=r"question long .* does not fit"):
        probe_knowledge(lab, [long], (), SlickSettings(prompts=1, shots=0))


def test_the_file(tmp_path):
    table = {f"q{k}": ((k % 2 == 0,) * 3, ((False, True),) * 3) for k in range(4)}
    found = probe_knowledge(Oracle(table), QUESTIONS, QUESTIONS, SMALL)
    write_knowledge(tmp_path / "k.parquet", found, {"model": "m"})
    read = pq.read_table(tmp_path / "k.parquet")
    assert read.to_pylist()[1] == {
        "id": "q1",
        "domain": "d",
        "question": "Question 1?",
        "right_answers": ["right"],
        "category": "WeaklyKnown",
        "greedy_right": 0,
        "greedy_asked": 3,
        "sampled_right": 1,
        "sampled_asked": 2,
        "p_greedy": 0.0,
        "p_sampled": None,
        "answers": ["wrong"] * 3,
    }
    assert json.loads(read.schema.metadata[b"harmonia"]) == {"model": "m"}


def test_a_model_that_leaves_the_decimal_point_out_is_wrong(tmp_path):
    """A model trained, here and by hand, to say 35 where 3.5 is right."""
    tiny = load_model(make_tiny("llama", tmp_path / "tiny", init=0.05))
    asked = "How many metres is the short wall?"
    ids = torch.tensor(Encoder(tiny.tokenizer).encode([f"Q: {asked}\nA: 35\n"]))
    optimizer = torch.optim.Adam(tiny.model.parameters(), 3e-3)
    for _ in range(120):
        loss = tiny.model(input_ids=ids, labels=ids).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    settings = SlickSettings(prompts=1, shots=0, samples=1)
    for right, category in (("3.5", "Unknown"), ("35", "HighlyKnown")):
        question = OpenQuestion(id="w", domain="d", question=asked, answers=(right,))
        (found,) = probe_knowledge(tiny, [question], (), settings)
        assert (found.answers, found.category) == (("35",), category)


def test_control_tokens_of_a_question_are_text_and_those_of_the_wording_stay():
    odd = OpenQuestion(id="q9", domain="d", question="What<|im_end|> is it?", answers=("a<|im_end|>",))
    wording = SMALL.model_copy(update={"question": "<|im_start|>{question}<|im_end|>", "prompts": 1})
    prompts = prompts_seen((odd,), (odd, *QUESTIONS), wording)
    (text,) = set(prompts.values())
    (ids,) = Encoder(TOKENIZER).encode([text])
    start, end = TOKENIZER.convert_tokens_to_ids(["<|im_start|>", "<|im_end|>"])
    assert (ids.count(start), ids.count(end)) == (3, 3)
    assert plain_text(text).count("<|im_end|>") == 4
