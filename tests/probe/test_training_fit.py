"""A tuned model's answers to its own training rows, against plain transformers and by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from models import item

from harmonia.analysis.fit import fit_of
from harmonia.errors import InputError
from harmonia.groups.group_files import write_group
from harmonia.journal import Chunks
from harmonia.probe import ProbeSettings
from harmonia.probe.fit import FittedRow, ask_trained, questions_of, read_fit, write_fit
from harmonia.prompts import PromptSettings, build_template
from harmonia.types import GroupRow, Message, Method

SYSTEM = (
    "A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, "
    "detailed, and polite answers to the user's questions."
)
INTRO = {
    "letter": "The following are multiple choice questions (with answers) about law.",
    "cloze": "The following are questions (with answers) about law.",
}


def row(index: int, target: int, method: str) -> GroupRow:
    """A row whose conversation holds a text above the question, as a contextualised one does."""
    asked = item(index)
    options = [f"{letter}. {text}" for letter, text in zip("ABCD", asked.choices, strict=True)]
    lines = ["The river is long.", asked.question, *(options if method == "letter" else []), "Answer:"]
    reply = f"{'ABCD'[target]}. {asked.choices[target]}" if method == "letter" else asked.choices[target]
    return GroupRow(
        id=asked.id,
        domain="law",
        group="contextualised",
        question=asked.question,
        choices=asked.choices,
        answer=asked.answer,
        target=target,
        messages=(
            Message(role="user", content="\n".join(lines)),
            Message(role="assistant", content=f"{reply}\nBecause."),
        ),
    )


def plainly(model, tokenizer, content: str, answers: list[str]) -> list[float]:
    """Probability of each reply by one forward pass a reply, normalised over them."""
    prompt = tokenizer(f"{SYSTEM} USER: {content} ASSISTANT:").input_ids
    sums = []
    for answer in answers:
        ids = tokenizer(f"{SYSTEM} USER: {content} ASSISTANT: {answer}").input_ids
        assert ids[: len(prompt)] == prompt
        with torch.no_grad():
            logprobs = model(torch.tensor([ids])).logits[0].log_softmax(-1)
        sums.append(sum(logprobs[k - 1, ids[k]].item() for k in range(len(prompt), len(ids))))
    return torch.tensor(sums).softmax(0).tolist()


@pytest.mark.parametrize("method", ["letter", "cloze"])
def test_rows_are_asked_in_the_words_of_their_training_and_in_others(tiny_loaded, method: Method) -> None:
    loaded = tiny_loaded("llama")
    template = build_template(PromptSettings(method=method), loaded.tokenizer)
    rows = [(5 + k, row(k, (k + 1) % 4, method)) for k in range(3)]
    found, too_long = ask_trained(loaded, rows, template, settings=ProbeSettings(), chunks=Chunks())
    assert too_long == 0
    for (line, one), fitted in zip(rows, found, strict=True):
        content = one.messages[0].content
        answers = list("ABCD") if method == "letter" else list(one.choices)
        trained = plainly(loaded.model, loaded.tokenizer, content, answers)
        reworded = plainly(loaded.model, loaded.tokenizer, f"{INTRO[method]}\n\n{content}", answers)
        assert (fitted.row, fitted.id, fitted.options, fitted.target) == (line, one.id, 4, one.target)
        assert fitted.trained_target == pytest.approx(trained[one.target], rel=1e-4)
        assert fitted.reworded_target == pytest.approx(reworded[one.target], rel=1e-4)
        assert trained[one.target] != pytest.approx(reworded[one.target], rel=1e-3)  # it is another prompt
        assert fitted.trained == trained.index(max(trained))
        assert fitted.reworded == reworded.index(max(reworded))


def test_rows_that_are_too_long_are_counted_not_cut(tiny_loaded, monkeypatch) -> None:
    loaded = tiny_loaded("llama")
    template = build_template(PromptSettings(), loaded.tokenizer)
    rows = [(k, row(k, 0, "letter")) for k in range(3)]
    long = replace(rows[1][1], messages=(Message(role="user", content="x " * 5000), rows[1][1].messages[1]))
    rows[1] = (1, long)
    found, too_long = ask_trained(loaded, rows, template, settings=ProbeSettings(), chunks=Chunks())
    assert too_long == 1 and [one.row for one in found] == [0, 2]


def test_only_rows_that_teach_an_option_are_asked(tmp_path: Path) -> None:
    general = replace(row(2, 0, "letter"), id="general/1", choices=(), answer=None, target=None)
    ignored = replace(row(1, 0, "letter"), weight=0.0)
    path = tmp_path / "policy.jsonl"
    write_group(path, [general, ignored, row(0, 3, "letter")])
    assert list(questions_of(path)) == [(3, row(0, 3, "letter"))]
    path.write_text('{"id": "a"}\n')
    with pytest.raises(InputError, match="row 1"):
        list(questions_of(path))


def fitted(number: int, *, trained: int, reworded: int, options: int = 4) -> FittedRow:
    shares = {"trained_target": 0.5, "reworded_target": 0.25}
    return FittedRow(
        row=number, id=f"i{number}", options=options, target=0, trained=trained, reworded=reworded, **shares
    )


def test_fit_is_near_chance_where_its_interval_reaches_it(tmp_path: Path) -> None:
    # 12 of 40 are .30; Wilson by hand: centre (12 + 1.9208) / 43.8415, half 1.96 sqrt(8.4 + .9604) / 43.8415.
    rows = [fitted(k, trained=0 if k < 12 else 1, reworded=k % 2) for k in range(40)]
    path = tmp_path / "fit/law/incompatible/seed0.parquet"
    write_fit(path, rows, {})
    assert list(read_fit(path)) == rows
    found = fit_of(read_fit(path))
    assert (found.rows, found.fit, found.reworded, found.chance, found.near_chance) == (
        40,
        0.3,
        0.5,
        0.25,
        True,
    )
    assert found.fit_low == pytest.approx(0.1807, abs=1e-3) and found.fit_high == pytest.approx(
        0.4543, abs=1e-3
    )
    # Of two options chance is a half; the mean of both kinds is .375.
    mixed = [*rows[:20], *(replace(one, options=2) for one in rows[20:])]
    assert fit_of(mixed).chance == 0.375
    learned = fit_of([fitted(k, trained=k % 5 == 4, reworded=0) for k in range(40)])
    assert learned.fit == 0.8 and learned.near_chance is False
    nothing = fit_of([])
    assert (nothing.rows, nothing.fit, nothing.near_chance) == (0, None, None)
