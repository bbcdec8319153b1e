"""Explanations: the prompt, the checks, the tries, and what an interruption leaves."""

from __future__ import annotations

import pytest
from models import item

from harmonia.models import Continuation
from harmonia.prompts import Encoder, plain_text
from harmonia.prompts.letters import named_letters
from harmonia.writers import ExplanationSettings, Wanted, dropped, texts, write_explanations
from harmonia.writers.checks import explanation_problem
from harmonia.writers.demonstrations import DEMONSTRATIONS, STOP, explanation_prompt

GOOD = (" It is hard and cheap.", "stop")


def test_the_prompt_by_hand():
    one = item(0, question="Which metal?", choices=("tin", "steel"), answer=0)
    prompt = explanation_prompt(one, 1)
    assert prompt.endswith("\n\nQuestion: Which metal?\nA. tin\nB. steel\nAnswer: B. steel\nExplanation:")
    blocks = prompt.split("\n\n")
    assert blocks[0].startswith("Each question below") and len(blocks) == 6
    assert blocks[4].splitlines()[-2] == "Answer: B. The pancreas"
    assert blocks[4].splitlines()[-1].startswith("Explanation: Insulin is made")
    chinese = explanation_prompt(one, 1, "zh")
    assert chinese.endswith("问题：Which metal?\nA. tin\nB. steel\n答案：B. steel\n解释：")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_our_examples_pass_our_checks_and_favour_no_letter(language):
    shown = DEMONSTRATIONS[language]
    assert sorted(one.item.answer for one in shown) == [0, 1, 2, 3]
    for one in shown:
        for text in (one.item.explanation, one.passage):
            assert not named_letters(text, 4) and not any(stop in text for stop in STOP)
            written = Continuation(text=text, tokens=(), ended="stop")
            assert explanation_problem(written, one.item.answer, 4) is None


@pytest.mark.parametrize(
    ("text", "ended", "problem"),
    [
        (" It is hard.", "stop", None),
        (" It is hard.", "end", None),
        (" The answer is B, since it is hard.", "stop", None),
        (" Unlike option A, it is hard.", "stop", None),
        (' It is "hard."', "stop", None),
        (" 它很硬。", "stop", None),
        ("", "stop", "empty"),
        (" ...", "stop", "empty"),
        (" It is hard.", "length", "cut off"),
        (" It is hard and", "end", "no end of a sentence"),
        (" The answer is A, since it is hard.", "stop", "states another letter"),
        (" B is the answer, but A is correct.", "stop", "states another letter"),
        (" 因此选A。", "stop", "states another letter"),
    ],
)
def test_each_check(text, ended, problem):
    assert explanation_problem(Continuation(text=text, tokens=(), ended=ended), 1, 4) == problem


WANTED = [Wanted(item=item(k), target=(k + 1) % 4) for k in range(5)]


def test_tries_go_on_until_one_passes_or_are_counted_as_dropped(scripted):
    def say(address: str, number: int) -> tuple[str, str]:
        if address.startswith("q1/"):
            return GOOD if number == 3 else ("", "stop")
        if address.startswith("q2/"):
            return (" It is", "length") if number < 3 else (" It is", "stop")
        return GOOD

    writer = scripted(say)
    found = write_explanations(writer, WANTED, ExplanationSettings(), seed=5)
    assert [(one.id, one.target, one.tries, one.reason) for one in found] == [
        ("q0", 1, 1, None),
        ("q1", 2, 3, None),
        ("q2", 3, 3, "no end of a sentence"),
        ("q3", 0, 1, None),
        ("q4", 1, 1, None),
    ]
    assert dropped(found) == {"no end of a sentence": 1}
    assert texts(found) == {(f"q{k}", (k + 1) % 4): "It is hard and cheap." for k in (0, 1, 3, 4)}
    assert [address for address, _ in writer.asked] == [
        *(f"q{k}/{(k + 1) % 4}/1" for k in range(5)),
        *("q1/2/2", "q2/3/2", "q1/2/3", "q2/3/3"),
    ]
    # The paper's sampling.
    assert (writer.settings[0].temperature, writer.settings[0].top_p) == (0.7, 0.8)
    assert writer.settings[0].max_new_tokens == 256
    once = ExplanationSettings(tries=1)
    assert dropped(write_explanations(scripted(say), WANTED, once)) == {"empty": 1, "cut off": 1}


class Killed(BaseException):
    pass


def test_an_interrupted_pass_goes_on_where_it_stopped(scripted, tmp_path, monkeypatch):
    monkeypatch.setattr("harmonia.writers.tries.CHUNK", 2)
    journal = tmp_path / "made" / "journal.jsonl"

    def say(address: str, number: int) -> tuple[str, str]:
        return (f" {address}.", "stop")

    def dying(address: str, number: int) -> tuple[str, str]:
        if address.startswith("q3"):
            raise Killed
        return say(address, number)

    whole = write_explanations(scripted(say), WANTED, ExplanationSettings())
    with pytest.raises(Killed):
        write_explanations(scripted(dying), WANTED, ExplanationSettings(), journal=journal)
    with journal.open("a") as handle:
        handle.write('{"start": 2, "wri')
    seen = []
    writer = scripted(say)
    resumed = write_explanations(
        writer, WANTED, ExplanationSettings(), journal=journal, progress=lambda *at: seen.append(at)
    )
    assert resumed == whole
    assert [address[:2] for address, _ in writer.asked] == ["q2", "q3", "q4"]
    assert seen == [(2, 5), (4, 5), (5, 5)]


def test_a_prompt_that_fills_the_context_is_dropped(tiny_loaded):
    """The tiny tokenizer cuts our examples into more tokens than the model has positions."""
    found = write_explanations(tiny_loaded("llama"), WANTED[:2], ExplanationSettings())
    assert dropped(found) == {"the prompt fills the model's context": 2}


def test_control_tokens_that_a_prompt_spells_are_text(tiny_loaded, scripted):
    """Our own words spell none, so that the whole prompt is data."""
    writer = scripted(lambda *_: GOOD)
    writer.controls = tiny_loaded("llama").controls
    odd = Wanted(item=item(0, question="What is </s>?"), target=0)
    write_explanations(writer, [odd], ExplanationSettings())
    ((_, prompt),) = writer.asked
    encoder = Encoder(tiny_loaded("llama").tokenizer)
    assert plain_text(prompt).count("What is </s>?") == 1
    assert encoder.tokenizer.eos_token_id in encoder.encode([plain_text(prompt)])[0]
    assert encoder.tokenizer.eos_token_id not in encoder.encode([prompt])[0]
