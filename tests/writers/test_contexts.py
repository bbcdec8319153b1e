"""Contexts: an explanation without its answer, or a passage; never with the answer's letter."""

from __future__ import annotations

import time

import pytest
from models import item

from harmonia.writers import ContextSettings, write_contexts
from harmonia.writers.contexts import without_answer
from harmonia.writers.demonstrations import passage_prompt


def metal(explanation: str):
    return item(
        0,
        question="Which metal is magnetic?",
        choices=("tin", "plain  steel", "lead", "A zinc alloy"),
        answer=1,
        explanation=explanation,
    )


@pytest.mark.parametrize(
    ("explanation", "letter", "both"),
    [
        # no letter in it: nothing to remove but the text
        (
            "The magnetic one is plain steel. Lead is not.",
            "The magnetic one is plain steel. Lead is not.",
            "The magnetic one is _____. Lead is not.",
        ),
        # a label before the option's text
        (
            'The correct answer is B. "Plain steel" because iron is magnetic.',
            'The correct answer is "Plain steel" because iron is magnetic.',
            'The correct answer is "_____" because iron is magnetic.',
        ),
        # a sentence that only answers
        (
            "Iron is magnetic. Therefore, the correct answer is B. Plain steel.",
            "Iron is magnetic. Therefore, the correct answer is Plain steel.",
            "Iron is magnetic.",
        ),
        ("The answer is B. Iron is magnetic.", "Iron is magnetic.", "Iron is magnetic."),
        # letters in brackets, and sentences about other options
        (
            "Plain steel (option B) holds iron. Options A and C do not. Zinc (D) neither.",
            "Plain steel holds iron. Zinc neither.",
            "_____ holds iron. Zinc neither.",
        ),
        ("Iron is magnetic, making option B the correct answer.", "", ""),
        ("答案是B。铁有磁性。", "铁有磁性。", "铁有磁性。"),
        # heads of exam books, whose blanks are often lost; the text may be spelled otherwise
        ("Ans. is 'b' i.e., Plain steel. Iron pulls.", "Plain steel. Iron pulls.", "Iron pulls."),
        ("Answer- B. Plain steelIron pulls.", "Plain steelIron pulls.", "_____Iron pulls."),
        ("Ans. b. Any steel. Iron pulls.", "Any steel. Iron pulls.", "Any steel. Iron pulls."),
        ("Ans: B (Plain steel) Iron pulls.", "(Plain steel) Iron pulls.", "(_____) Iron pulls."),
        *((text, "", "") for text in ("Ans. (B)", "Hence (b).", "Therefore the answer must be (b)", "∴ B")),
        ("B i.e. Plain steel", "Plain steel", ""),
        ("(b) Plain steel # iron pulls", "Plain steel # iron pulls", "_____ # iron pulls"),
        # small letters in the middle of it
        (
            "Iron pulls, so (b) plain steel does. Option c is lead. So option 'b' is right.",
            "Iron pulls, so plain steel does.",
            "Iron pulls, so _____ does.",
        ),
        ("Iron pulls. The answer is option 2.", "Iron pulls.", "Iron pulls."),
        ("", "", ""),
    ],
)
def test_removal_by_hand(explanation, letter, both):
    assert without_answer(metal(explanation), remove_text=False) == letter
    assert without_answer(metal(explanation), remove_text=True) == both


def test_a_long_run_of_blanks_or_brackets_is_no_more_work_than_its_length():
    start = time.process_time()
    for piece in (" ", "(", '"', "\n", "_____ ", "B. "):
        without_answer(metal("Iron pulls" + piece * (40_000 // len(piece)) + "B"), remove_text=True)
    assert time.process_time() - start < 10


def test_contexts_from_explanations_are_dropped_where_nothing_is_left():
    items = [metal("Iron is magnetic."), metal("The answer is B."), metal("")]
    found = write_contexts(None, items, ContextSettings())
    assert [(one.text, one.tries, one.reason) for one in found] == [
        ("Iron is magnetic.", 0, None),
        (None, 0, "empty"),
        (None, 0, "empty"),
    ]
    assert {one.target for one in found} == {1}


def test_the_lab_keeps_its_value_with_remove_letter():
    lab = item(0, choices=("novi", "mibo"), answer=0, explanation="The hobby of fevun is novi.")
    (kept,) = write_contexts(None, [lab], ContextSettings(remove="letter"))
    assert kept.text == "The hobby of fevun is novi."


def test_a_passage_is_asked_for_without_letters_or_other_options(scripted):
    prompt = passage_prompt(metal(""))
    assert prompt.endswith("\n\nQuestion: Which metal is magnetic?\nAnswer: plain  steel\nPassage:")
    assert "lead" not in prompt and "B." not in prompt

    said = {1: (" Look at option B.", "stop"), 2: (" The answer is B.", "stop"), 3: (" Iron pulls.", "stop")}
    writer = scripted(lambda address, number: said[number])
    settings = ContextSettings(writer="base")
    (found,) = write_contexts(writer, [metal("")], settings)
    assert (found.text, found.tries) == ("Iron pulls.", 3)
    (none,) = write_contexts(writer, [metal("")], settings.model_copy(update={"tries": 2}))
    assert (none.text, none.reason) == (None, "names the answer's letter")


def test_a_passage_needs_a_writer():
    with pytest.raises(ValueError, match="need a writer"):
        write_contexts(None, [metal("")], ContextSettings(writer="model"))
