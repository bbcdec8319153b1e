"""Contexts and written explanations: where they stand, and what goes without them."""

from __future__ import annotations

import pytest
from beliefs import make_belief

from harmonia.errors import EmptyGroupError
from harmonia.groups import GroupSettings, PolicySettings, build_groups, wanted_texts
from harmonia.prompts import ExamFormat

EXAM = ExamFormat()
NAMES = ("harmonious", "incompatible", "self_aligning", "contextualised")
BELIEFS = [
    *(make_belief(f"r{k}", answer=k % 4, pred=k % 4, explanation=f"Known {k}.") for k in range(12)),
    *(make_belief(f"w{k}", answer=k % 4, pred=(k + 1) % 4, explanation=f"Gold {k}.") for k in range(8)),
]
CONTEXTS = {f"w{k}": f"It is known that number {k} is so." for k in range(8)}
OWN = {(f"w{k}", (k + 1) % 4): f"I believe {k}." for k in range(8)}


def ids(rows) -> set[str]:
    return {row.id for row in rows if row.group != "general"}


def test_the_contextualised_prompt_opens_with_the_knowledge():
    built = build_groups(BELIEFS, GroupSettings(names=NAMES), EXAM, contexts=CONTEXTS)
    plain = {row.id: row for row in built.rows["incompatible"]}
    assert len(plain) == 8
    for row in built.rows["contextualised"]:
        beside = plain[row.id]
        assert row.messages[0].content == f"{CONTEXTS[row.id]}\n{beside.messages[0].content}"
        # Nothing but the prompt tells it from the incompatible row: same target, same reply.
        assert row.messages[1:] == beside.messages[1:]
        assert (row.target, row.answer, row.explanation) == (beside.target, beside.answer, beside.explanation)
    assert not any(CONTEXTS[name] in beside.messages[0].content for name, beside in plain.items())


def test_the_knowledge_opens_the_question_wherever_the_options_stand():
    exam = ExamFormat(options_first=True)
    built = build_groups(BELIEFS, GroupSettings(names=NAMES), exam, contexts=CONTEXTS)
    for row in built.rows["contextualised"]:
        *options, context, question, cue = row.messages[0].content.split("\n")
        assert [line[:3] for line in options] == ["A. ", "B. ", "C. ", "D. "]
        assert (context, question, cue) == (CONTEXTS[row.id], row.question, "Answer:")


def test_contextualised_is_built_only_where_named():
    assert GroupSettings().group_names == ("harmonious", "incompatible", "self_aligning")
    with pytest.raises(EmptyGroupError, match="all 8 pairs of beliefs lack a text"):
        build_groups(BELIEFS, GroupSettings(names=NAMES), EXAM)


@pytest.mark.parametrize(
    ("context", "reason"),
    [
        (None, "no context"),
        ("  ", "no context"),
        ("So the answer is D.", "context names the letter of the answer"),
        ("故选D。", "context names the letter of the answer"),
    ],
)
def test_an_item_without_a_fit_context_leaves_all_groups_with_its_partner(context, reason):
    contexts = {**CONTEXTS, "w3": context}  # w3 is answered by D
    if context is None:
        del contexts["w3"]
    settings = GroupSettings(names=NAMES, ratios=(0.5,), match=(("letter",),))
    built = build_groups(BELIEFS, settings, EXAM, contexts=contexts)
    for name, rows in built.rows.items():
        assert "w3" not in ids(rows), name
    assert {len(built.rows[name]) for name in (*NAMES, "mixed_0.5")} == {7}
    assert built.left_out == {reason: 1}
    # Of the matched groups a right item with the letter D went, too.
    matched = built.matched[("letter",)]
    assert sorted(b.item.answer for b in matched.right) == sorted(b.item.answer for b in matched.wrong)
    whole = build_groups(BELIEFS, settings, EXAM, contexts=CONTEXTS)
    assert ids(built.rows["harmonious"]) < ids(whole.rows["harmonious"])
    assert whole.left_out == {}


def test_another_letter_in_a_context_is_no_answer():
    contexts = CONTEXTS | {"w3": "Option A holds only at times."}
    assert build_groups(BELIEFS, GroupSettings(names=NAMES), EXAM, contexts=contexts).left_out == {}
    shuffled = GroupSettings(names=NAMES, shuffle_options=True)
    built = build_groups(BELIEFS, shuffled, EXAM, contexts=contexts)
    assert built.left_out == {"context names letters and options are shuffled": 1}


def test_own_explanations_stand_beside_own_answers():
    settings = GroupSettings(explanations="own", ratios=(0.25,))
    built = build_groups(BELIEFS, settings, EXAM, explanations=OWN)
    for rows in built.rows.values():
        for row in rows:
            own = row.target != row.answer
            assert row.explanation == (
                OWN[row.id, row.target] if own else f"{'Gold' if row.id[0] == 'w' else 'Known'} {row.id[1:]}."
            )
            assert row.messages[-1].content.split("\n")[1] == row.explanation
    assert sum(row.target != row.answer for row in built.rows["mixed_0.25"]) == 2


def test_an_item_without_its_own_explanation_leaves_all_groups():
    explanations = {key: text for key, text in OWN.items() if key[0] not in ("w1", "w4")}
    settings = GroupSettings(explanations="own", ratios=(0.0, 0.25, 1.0))
    built = build_groups(BELIEFS, settings, EXAM, explanations=explanations)
    for rows in built.rows.values():
        assert len(rows) == 6 and not ids(rows) & {"w1", "w4"}
    assert built.left_out == {"no explanation of the option taught": 2}
    assert len(built.selection.right) == len(built.selection.wrong) == 6
    # Groups that teach no own answer need no text, and lose no item.
    for harmless in (
        GroupSettings(explanations="own", names=("harmonious", "incompatible"), ratios=(0.0,)),
        GroupSettings(explanations="gold"),
        GroupSettings(explanations="none"),
    ):
        assert len(build_groups(BELIEFS, harmless, EXAM).rows["incompatible"]) == 8


def test_a_written_gold_explanation_takes_the_place_of_the_datas():
    built = build_groups(
        BELIEFS,
        GroupSettings(explanations="gold"),
        EXAM,
        explanations={("w0", 0): "Better.", ("w1", 2): "Own."},
    )
    explained = {row.id: row.explanation for row in built.rows["incompatible"]}
    assert explained["w0"] == "Better." and explained["w1"] == "Gold 1."
    assert not any(row.explanation for row in built.rows["self_aligning"])


def test_what_is_wanted_is_what_is_needed():
    settings = GroupSettings(names=NAMES, explanations="own", ratios=(0.5,), size=5, match=(("letter",),))
    wanted = wanted_texts(BELIEFS, settings)
    texts = {
        "explanations": {(item.id, target): "Mine." for item, target in wanted.explanations},
        "contexts": {item.id: "So it is." for item, _ in wanted.contexts},
    }
    assert all(target == (item.answer + 1) % 4 for item, target in wanted.explanations)
    built = build_groups(BELIEFS, settings, EXAM, **texts)
    assert built.left_out == {}
    used = {row.id for name, rows in built.rows.items() if name.startswith("self") for row in rows}
    assert set(texts["contexts"]) == used == {name for name, _ in texts["explanations"]}
    taught = {
        (row.id, row.target) for rows in built.rows.values() for row in rows if row.target == row.answer
    }
    assert {(item.id, target) for item, target in wanted.gold} == taught
    # One text fewer, and an item goes.
    texts["contexts"].popitem()
    assert build_groups(BELIEFS, settings, EXAM, **texts).left_out == {"no context": 1}
    plain = wanted_texts(BELIEFS, GroupSettings())
    assert (plain.explanations, plain.contexts) == ((), ())
    assert wanted_texts(BELIEFS, GroupSettings(explanations="none")).gold == ()


def test_what_several_draws_want_is_what_each_wants():
    draws = [GroupSettings(names=NAMES, explanations="own", size=3, seed=seed) for seed in (0, 1)]
    both, each = wanted_texts(BELIEFS, *draws), [wanted_texts(BELIEFS, draw) for draw in draws]
    for kind in ("explanations", "gold", "contexts"):
        wanted = [{(item.id, target) for item, target in getattr(one, kind)} for one in each]
        found = [(item.id, target) for item, target in getattr(both, kind)]
        assert wanted[0] != wanted[1] and set(found) == wanted[0] | wanted[1]
        assert len(found) == len(set(found))


def test_a_policy_that_lacks_a_text_costs_every_policy_a_row():
    settings = GroupSettings(
        explanations="own",
        names=("harmonious", "incompatible"),
        policies=PolicySettings(names=("all", "known_only", "self_align", "contextualise")),
    )
    wanted = wanted_texts(BELIEFS, settings)
    assert wanted.explanations and {i.id for i, _ in wanted.explanations} == {
        i.id for i, _ in wanted.contexts
    }
    explanations = {(item.id, target): "Mine." for item, target in wanted.explanations}
    contexts = {item.id: "So it is." for item, _ in wanted.contexts}
    whole = build_groups(BELIEFS, settings, EXAM, explanations=explanations, contexts=contexts)
    gone, _ = contexts.popitem()
    built = build_groups(BELIEFS, settings, EXAM, explanations=explanations, contexts=contexts)
    sizes = [
        {len(rows) for name, rows in some.rows.items() if name.startswith("policy")}
        for some in (whole, built)
    ]
    assert sizes == [{12}, {11}]
    assert gone not in ids(built.rows["policy_all"]) and gone in ids(whole.rows["policy_all"])
    # The paper's groups need none of these texts.
    assert built.rows["incompatible"] == whole.rows["incompatible"]


def test_the_ends_of_the_sweep_teach_what_the_sets_without_a_ratio_teach():
    settings = GroupSettings(names=NAMES, ratios=(0.0, 0.5, 1.0))
    rows = build_groups(BELIEFS, settings, EXAM, contexts=CONTEXTS).rows
    taught = {name: {row.id: row.messages for row in group} for name, group in rows.items()}
    assert taught["mixed_0"] == taught["incompatible"] != taught["contextualised"]
    assert taught["mixed_1"] == taught["self_aligning"]
    assert taught["mixed_0.5"] not in (taught["mixed_0"], taught["mixed_1"])
