"""Triage against cases worked by hand, and its rule against a person's reading of real explanations."""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from made_answers import belief_in

from harmonia.analysis.triage import TriageSettings, named_option, triage, write_review
from harmonia.errors import InputError
from harmonia.probe import read_beliefs
from harmonia.types import Belief, Item

LETTERS = "ABCD"
ITEM = Item(
    id="q1",
    domain="law",
    question="Where?",
    choices=("by the river", "in the city", "on a bridge", "nowhere"),
    answer=1,
)


def belief(probs: tuple[float, ...], item: Item = ITEM, **fields) -> Belief:
    return belief_in(item, probs, **fields)


@pytest.mark.parametrize(
    ("explanation", "named"),
    [
        ("The correct answer is C. on a bridge.", "C"),
        ('The answer is not "in the city". The correct answer is actually option C.', "C"),
        ("Hence option D is the correct answer.", "D"),
        ('The correct answer is "nowhere" (option D), since rivers move.', "D"),
        ("The answer is A river bank, as all know.", None),
        ("The answer is not C.", None),
        ("Look at each option:\n\nA. By the river: wet.\nB. In the city: dry.", None),
        ("A. By the river: wet.\nB. In the city: dry.", None),
        ("Option C is wrong.", None),
        ("It is dry there.", None),
        ("", None),
        # A slip of the letter: the text is that of B.
        ("The correct answer is C. In the city, where it is dry.", "B"),
        ('The answer is (D) "in the city".', "B"),
    ],
)
def test_what_an_explanation_names(explanation, named):
    found = named_option(replace(ITEM, explanation=explanation))
    assert (None if found is None else LETTERS[found]) == named


def test_reasons_worked_by_hand():
    settings = TriageSettings()
    sure, unsure = (0.7, 0.2, 0.06, 0.04), (0.5, 0.3, 0.1, 0.1)
    extreme, right = (0.004, 0.004, 0.991, 0.001), (0.1, 0.8, 0.05, 0.05)
    # One file, nothing but a confident wrong answer: no reason to doubt the label.
    assert triage({"one": [belief(sure)]}, settings) == ()
    (found,) = triage({"one": [belief(sure)], "two": [belief(sure)], "three": [belief(right)]}, settings)
    assert found.reasons == {"agreement": "2 of 3 files believe A"}
    # .5 is not above the threshold, and another option is not agreement.
    assert triage({"one": [belief(sure)], "two": [belief(unsure)]}, settings) == ()
    (found,) = triage({"one": [belief(sure)], "two": [belief(extreme)]}, settings)
    assert found.reasons == {"denial": "the gold is given probability 0.004"}
    assert found.belief.pred == 2
    stated = replace(ITEM, explanation="The correct answer is A. By the river.")
    (found,) = triage({"one": [belief(sure, stated)]}, settings)
    assert (found.named, dict(found.reasons)) == (0, {"explanation": "states A"})
    # The explanation alone is no reason where the model holds the gold.
    assert triage({"one": [belief(right, stated)]}, settings) == ()


def test_stability_decides_where_it_is_known():
    steady = belief((0.45, 0.005, 0.3, 0.245), category="conflicting")
    assert len(triage({"one": [steady]}, TriageSettings())) == 1
    shaky = belief((0.99, 0.005, 0.003, 0.002), category="uncertain")
    assert triage({"one": [shaky]}, TriageSettings()) == ()


def test_files_must_speak_of_the_same_items():
    other = replace(ITEM, choices=ITEM.choices[::-1], answer=2)
    with pytest.raises(InputError, match="q1"):
        triage(
            {"a": [belief((0.7, 0.1, 0.1, 0.1))], "b": [belief((0.7, 0.1, 0.1, 0.1), other)]},
            TriageSettings(),
        )


def test_equal_ids_of_two_domains_are_two_items():
    other = replace(ITEM, domain="another", question="Something else?")
    found = triage(
        {
            "one": [belief((0.97, 0.01, 0.01, 0.01), replace(ITEM, answer=1))],
            "two": [belief((0.97, 0.01, 0.01, 0.01), replace(other, answer=1))],
        },
        TriageSettings(),
    )
    assert [doubt.belief.item.domain for doubt in found if "agreement" in doubt.reasons] == []


def test_the_belief_of_most_files_speaks_and_among_equals_the_surest():
    def believing(option: int, gold: float) -> Belief:
        probs = [(1 - gold - 0.9) / 2] * 4
        probs[option], probs[ITEM.answer] = 0.9, gold
        return belief(tuple(probs))

    # Three files for the last option, of which the second is surest; one denies the gold for another.
    files = [believing(3, 0.05), believing(3, 0.02), believing(0, 0.001), believing(3, 0.03)]
    (found,) = triage(dict(zip("abcd", map(lambda one: [one], files), strict=True)), TriageSettings())
    assert found.belief is files[1]
    assert found.reasons == {
        "agreement": "3 of 4 files believe D",
        "denial": "the gold is given probability 0.001",
    }
    # Two against two: the options of the surest file.
    files = [believing(3, 0.05), believing(0, 0.02), believing(3, 0.03), believing(0, 0.04)]
    (found,) = triage(dict(zip("abcd", map(lambda one: [one], files), strict=True)), TriageSettings())
    assert found.belief is files[1]
    assert found.reasons == {"agreement": "2 of 4 files believe A"}


def test_review_table_has_most_reasons_first(tmp_path):
    items = [replace(ITEM, id=name) for name in ("b", "a", "c")]
    items[2] = replace(items[2], explanation="Think of boats. The correct answer is A.")
    probs = {"b": (0.9, 0.008, 0.09, 0.002), "a": (0.9, 0.001, 0.09, 0.009), "c": (0.99, 0.001, 0.005, 0.004)}
    doubts = triage({"m": [belief(probs[item.id], item) for item in items]}, TriageSettings())
    write_review(tmp_path / "review.csv", doubts)
    with (tmp_path / "review.csv").open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert [row["id"] for row in rows] == ["c", "a", "b"]
    assert rows[0] == {
        "id": "c",
        "domain": "law",
        "question": "Where?",
        "choices": "A. by the river\nB. in the city\nC. on a bridge\nD. nowhere",
        "gold": "B",
        "believed": "A",
        "confidence": "0.99",
        "gold_probability": "0.001",
        "named": "A",
        "reasons": "explanation: states A; denial: the gold is given probability 0.001",
        "explanation": "The correct answer is A.",
    }


# The authors' published records: Xiezhi, all domains but medicine.

CELLS = [
    *(("mistral-7b", domain) for domain in ("engineering", "history", "jurisprudence")),
    *(("llama-2-7b", domain) for domain in ("engineering", "history")),
]
INCOMPATIBLE, HARMONIOUS = "inconsistent-golden-exp", "consistent-correct-exp-sample"

# Found by search, to give the four counts that the rule of another reader gave on the same
# records ("answer is LETTER", first match): 214 of 789 and 14 of 821. It checks the reading.
SIMPLE = re.compile(
    r"answer(?: to [\w -]*?)? (?:is|would be|should be)(?: actually)?(?: option)? [\"'(]?([A-D])[.):]"
)


@cache
def published(root: Path, group: str) -> dict[tuple[str, str, str], Item]:
    found = {}
    for model, domain in CELLS:
        for one in read_beliefs(root / "published" / model / domain / f"{group}.jsonl", domain=domain):
            found[model, domain, one.item.id] = one.item
    return found


@pytest.mark.slow
@pytest.mark.shared
def test_counts_of_the_simple_rule_and_of_ours(data_root):
    simple, ours, rows = {}, {}, 0
    for group in (INCOMPATIBLE, HARMONIOUS):
        items = published(data_root, group)
        rows += len(items)
        for name, item in items.items():
            if match := SIMPLE.search(item.explanation):
                simple[group, name] = (LETTERS.index(match[1]), item.answer)
            if (named := named_option(item)) is not None:
                ours[group, name] = (named, item.answer)
    assert rows == 7490
    counts = {
        group: (
            sum(key[0] == group for key in simple),
            sum(key[0] == group and named != gold for key, (named, gold) in simple.items()),
        )
        for group in (INCOMPATIBLE, HARMONIOUS)
    }
    assert counts == {INCOMPATIBLE: (789, 214), HARMONIOUS: (821, 14)}
    # Ours finds what that rule finds, and more; where the two differ, a slip of the letter
    # is read by its text, which is the gold's.
    assert simple.keys() <= ours.keys() and len(ours) > len(simple)
    differ = {key: ours[key] for key in simple if ours[key] != simple[key]}
    assert len(differ) < 15 and all(named == gold for named, gold in differ.values())


# What a person read in fifty hits of the rule, drawn by address (seed 0, first state of the
# rule): id and letter of the option that the explanation states. 3714 and 6312 state the
# gold's text under another letter; 4951 ends in (B), after a list that begins with A.
READ = {
    ("mistral-7b", "engineering", INCOMPATIBLE): "3306B 2606D",
    ("mistral-7b", "history", INCOMPATIBLE): (
        "3990B 4978A 1871B 5634B 1017C 1612A 871D 985B 3406A 5776A 859B 6141C 1755C"
    ),
    ("mistral-7b", "jurisprudence", INCOMPATIBLE): "4697A 6475C 1352A 3402C 2776D 291A 1105D 4278B",
    ("llama-2-7b", "engineering", INCOMPATIBLE): "4905D 2188A 3690B 2813A 4670D 2264A 4951B 3951A",
    ("llama-2-7b", "history", INCOMPATIBLE): (
        "7242D 6118A 4978A 5252A 2124A 7389C 5099D 6520A 3406A 1624A 5459B 5409A 871D"
    ),
    ("mistral-7b", "history", HARMONIOUS): "3561A 6118A 3714B",
    ("mistral-7b", "jurisprudence", HARMONIOUS): "6312C",
    ("llama-2-7b", "history", HARMONIOUS): "4660B 2494C",
}


@pytest.mark.slow
@pytest.mark.shared
def test_fifty_explanations_are_read_as_a_person_read_them(data_root):
    items = {group: published(data_root, group) for group in (INCOMPATIBLE, HARMONIOUS)}
    read = {
        (group, model, domain, word[:-1]): word[-1]
        for (model, domain, group), words in READ.items()
        for word in words.split()
    }
    assert len(read) == 50
    found = {key: named_option(items[key[0]][key[1:]]) for key in read}
    assert {key: LETTERS[named] for key, named in found.items() if named is not None} == read
