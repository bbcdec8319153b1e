"""Which test questions stand in what a model is shown: by hand, in the lab, in the real exams."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from harmonia.data import ItemSource, read_items
from harmonia.data.leakage import (
    LeakageSettings,
    Pool,
    find_overlaps,
    leaked_test_items,
    leaked_training_items,
)
from harmonia.data.words import normalised
from harmonia.types import Item
from harmonia.world import DOMAINS

LONG = "In what year did the people of the small town by the river first build a stone bridge"


def item(name: str, question: str, *choices: str, answer: int = 0) -> Item:
    return Item(id=name, domain="law", question=question, choices=choices or ("x", "y"), answer=answer)


def pool(role: str, *items: Item, domain: str = "law", name: str = "") -> Pool:
    return Pool(domain=domain, role=role, name=name or role, items=items)


def kinds(left: Item, right: Item, **settings: int) -> list[str]:
    return [
        overlap.kind for overlap in find_overlaps([pool("train", left), pool("suite", right)], **settings)
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("  What is  Static\tEquilibrium? _____", "what is static equilibrium"),
        ("ＡＢＣ：１２", "abc 12"),
        ("Straße", "strasse"),
        ("S(s) + O2(g) → SO2(g)", "s s + o2 g → so2 g"),
        ("中国，刑法。Article 3", "中 国 刑 法 article 3"),
        ("Müller's e\u0301tude", "müller s étude"),
        ("Is 1,000.5 more than -3/4 (or −.5)?", "is 1000.5 more than -3/4 or -0.5"),
    ],
)
def test_what_counts_as_a_word(text, words):
    assert normalised(text) == words


@pytest.mark.parametrize(
    ("left", "right", "kind"),
    [
        (item("a", "What is it?", "x", "y"), item("b", "What is it?", "x", "y"), ["exact"]),
        # The options in another order, or others beside the right one, change nothing.
        (item("a", "What is it?", "x", "y"), item("b", "What is it?", "z", "x", answer=1), ["exact"]),
        (item("a", "What is it?", "The X."), item("b", "what is it", "the x"), ["normalised"]),
        # Another option is right: the same question if half of the options are the same, too.
        (item("a", "Which is true?", "x", "y"), item("b", "Which is TRUE?", "Y.", "X", "z"), ["other_gold"]),
        (
            item("a", "Which is true?", *"xyvw"),
            item("b", "Which is true?", *"abyv", answer=1),
            ["other_gold"],
        ),
        (item("a", "Which is true?", *"xyvw"), item("b", "Which is true?", *"abcv", answer=1), []),
        # A part left out, slips, and order, where the right option is the same.
        (
            item("a", "What is the unit of force?"),
            item("b", "What is the unit of force in the SI?"),
            ["prefix"],
        ),
        (
            item("a", "In the SI: what is the unit of force?"),
            item("b", "What is the unit of force"),
            ["near"],
        ),
        (item("a", "What is the unit of force?"), item("b", "What is the nuit of forrce?"), ["near"]),
        (item("a", "Of force, what is the unit?"), item("b", "What is the unit of force?"), ["near"]),
        (item("a", "What is the unit of force?", "x"), item("b", "What is the nuit of force?", "z"), []),
        # Another word, number, symbol or variable makes another question.
        (item("a", "What is the unit of energy?"), item("b", "What is the unit of work?"), []),
        (item("a", "How old is article 3 of the law?"), item("b", "How old is article 5 of the law?"), []),
        (item("a", "What is the degree of a + b?"), item("b", "What is the degree of a b?"), []),
        (item("a", "What is the degree of ax here?"), item("b", "What is the degree of bx here?"), []),
        # Scripts without spaces: one character mistaken, one too many; another number.
        (item("a", "美国的首都是哪一座城市"), item("b", "美国的首都是那一座城市"), ["near"]),
        (item("a", "美国的首都是哪座城市"), item("b", "美国的首都是在哪座城市"), ["near"]),
        (item("a", "刑法第三条是什么"), item("b", "刑法第五条是什么"), []),
        (item("a", "เมืองหลวงของประเทศไทยคือ"), item("b", "เมืองหลวงของประเทศไทยคือเมืองใด"), ["prefix"]),
        # Another number is another answer.
        (item("a", "What is the root?", "-5"), item("b", "What is the root?", "5"), []),
        (item("a", "What is the root?", "3.5"), item("b", "What is the root?", "3/5"), []),
        (item("a", "What is the root?", "1,000"), item("b", "What is the root?", "1000"), ["normalised"]),
        # 17 words: any 13 in a row are enough, 12 are not.
        (item("a", f"{LONG}?"), item("b", f"Tell me: {LONG.lower()} there?", "z"), ["ngram"]),
        (item("a", " ".join(LONG.split()[:13])), item("b", LONG, "z"), ["ngram"]),
        (item("a", " ".join(LONG.split()[:12])), item("b", LONG, "z"), []),
        # Lists of options are no evidence: many questions share one.
        (item("a", "Which came first?", LONG, "y"), item("b", "Which came last?", LONG, "y", answer=1), []),
        (
            item("a", "根据刑法下列哪一项行为构成犯罪"),
            item("b", "问：根据刑法下列哪一项行为构成", "z"),
            ["ngram"],
        ),
    ],
)
def test_cases_by_hand(left, right, kind):
    assert kinds(left, right) == kind


def test_the_length_of_a_run_is_a_setting():
    left, right = item("a", " ".join(LONG.split()[:12])), item("b", LONG, "z")
    assert kinds(left, right, ngram=12) == ["ngram"]
    assert LeakageSettings().ngram == 13


@pytest.mark.parametrize(("askers", "found"), [(10, 10), (11, 0)])
def test_a_form_of_words_is_no_copy(askers, found):
    suite = pool("suite", *(item(f"t{k}", f"{LONG} number {k}?", "z") for k in range(askers)))
    train = pool("train", item("a", f"{LONG}?"))
    assert len(find_overlaps([train, suite])) == found
    # Nor is it one that many training questions hold; copies of one question count once.
    copies = pool("train", *(item(f"c{k}", f"{LONG}?") for k in range(askers)))
    assert len(find_overlaps([copies, pool("suite", item("t", f"{LONG} then?", "z"))])) == askers


def test_every_place_is_named_and_excluded_where_it_counts():
    same = [item(name, "What is it?") for name in ("t", "d", "h", "o")]
    passage = item("p", f"{LONG}? Who says so?", "z")
    pools = [
        pool("train", same[0]),
        pool("shots", same[1], item("e", f"{LONG}?")),
        pool("suite", same[2], passage, name="homogeneous"),
        pool("suite", same[3], domain="history", name="homogeneous"),
        pool("train", item("u", f"{LONG}."), domain="history"),
    ]
    found = find_overlaps(pools)
    assert [
        (o.kind, o.left_domain, o.left, o.left_id, o.right_domain, o.right, o.right_id) for o in found
    ] == [
        ("exact", "law", "train", "t", "law", "shots", "d"),
        ("exact", "law", "train", "t", "law", "homogeneous", "h"),
        ("exact", "law", "train", "t", "history", "homogeneous", "o"),
        ("exact", "law", "shots", "d", "law", "homogeneous", "h"),
        ("ngram", "law", "shots", "e", "law", "homogeneous", "p"),
        ("exact", "law", "shots", "d", "history", "homogeneous", "o"),
        ("normalised", "history", "train", "u", "law", "shots", "e"),
        ("ngram", "history", "train", "u", "law", "homogeneous", "p"),
    ]
    assert found[4].text == " ".join(normalised(LONG).split()[:13])
    # The models of a domain have seen its own training set only; of a demonstration they
    # have read, not learned, the passage.
    assert leaked_test_items(found) == {("law", "homogeneous"): frozenset({"h"})}
    assert leaked_training_items(found) == {"law": frozenset({"t"})}


@pytest.mark.slow
def test_the_lab_asks_nothing_twice(lab_data):
    """Its items share templates, relations and options, and no fact."""

    def read(domain: str, split: str) -> tuple[Item, ...]:
        return read_items(ItemSource(path=f"{domain}/{split}.jsonl", domain=domain), lab_data).items

    pools = [
        pool(
            {"train": "train", "dev": "shots"}.get(split, "suite"),
            *read(domain, split),
            domain=domain,
            name=split,
        )
        for domain in DOMAINS
        for split in ("train", "dev", "homogeneous", "in_domain", "out_of_domain")
    ]
    own = [overlap for overlap in find_overlaps(pools) if overlap.left_domain == overlap.right_domain]
    assert own == []
    # Across domains the out_of_domain suites ask what others train on, as they should.
    assert {overlap.right for overlap in find_overlaps(pools)} <= {"out_of_domain"}


@pytest.fixture
def exams(data_root):
    def read(path: str) -> tuple[Item, ...]:
        return read_items(ItemSource(path=path, on_bad_row="skip"), data_root).items

    return read


@pytest.mark.shared
def test_one_engineering_question_is_trained_and_tested(exams):
    """Known of the data; its second copy has other wrong options."""
    pools = [
        pool("train", *exams("exams/engineering/train.jsonl")),
        pool("suite", *exams("exams/engineering/test.jsonl")),
    ]
    same = [overlap for overlap in find_overlaps(pools) if overlap.kind != "ngram"]
    assert [(overlap.left_id, overlap.right_id) for overlap in same] == [("68", "15")]


@pytest.mark.shared
def test_groups_of_history_and_jurisprudence_hold_each_others_test_questions(exams):
    """Of 250 test questions 5 to 27 stand in a group of the other domain (all models)."""
    shared = {}
    for model, domain, other in (
        ("mistral-7b", "history", "jurisprudence"),
        ("llama-2-7b", "history", "jurisprudence"),
        ("mistral-7b", "jurisprudence", "history"),
    ):
        suite = exams(f"exams/{other}/test.jsonl")
        for name in ("consistent-correct-exp-sample", "inconsistent-golden-exp"):
            group = exams(f"published/{model}/{domain}/{name}.jsonl")
            found = find_overlaps([pool("train", *group), pool("suite", *suite)])
            leaked = {overlap.right_id for overlap in found if overlap.kind != "ngram"}
            # Independent: the plainest look for the same text.
            asked = {re.sub(r"\W+", "", one.question).lower() for one in group}
            assert leaked == {one.id for one in suite if re.sub(r"\W+", "", one.question).lower() in asked}
            shared[model, domain, name[:5]] = len(leaked)
    assert min(shared.values()) == 5 and max(shared.values()) == 25, shared


@pytest.mark.slow
@pytest.mark.shared
def test_mmlu_is_compared_in_seconds(exams):
    """A crude bound: a quadratic search would take hours."""
    import time

    mmlu, train = exams("mmlu/test"), exams("exams/engineering/train.jsonl")
    copied = replace(train[7], id="copied")
    start = time.process_time()
    found = find_overlaps([pool("train", *train), pool("suite", *mmlu, copied)])
    assert time.process_time() - start < 15
    assert [(overlap.kind, overlap.left_id, overlap.right_id) for overlap in found] == [
        ("exact", train[7].id, "copied")
    ]
