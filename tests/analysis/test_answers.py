"""Prediction files as arrays: equal to the beliefs in them, whatever the order of the rows."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from made_answers import belief

from harmonia.analysis import Answers, read_answers
from harmonia.analysis.agreement import rank_agreement
from harmonia.analysis.answers import per_item, require_same_items
from harmonia.errors import InputError
from harmonia.probe import write_beliefs
from harmonia.types import Belief


@pytest.fixture
def beliefs() -> list[Belief]:
    rng = np.random.default_rng(0)
    found = []
    for number in range(60):
        probs = rng.dirichlet(np.ones(2 + number % 3)).tolist()
        found.append(
            belief(
                f"é{number}",
                probs,
                number % len(probs),
                domain="ab"[number % 2],
                category="uncertain" if number % 5 == 0 else None,
                letter_mass=None if number % 7 == 0 else 0.5,
            )
        )
        if number % 3 == 0:
            found[-1] = replace(found[-1], asked_probs=tuple(probs[::-1]))
        if number % 11 == 0:
            found[-1] = replace(found[-1], method="cloze", asked_probs=None)
    random.Random(0).shuffle(found)
    return found


def _equal(one: Answers, other: Answers) -> bool:
    return all(
        np.array_equal(a, b) or np.array_equal(a.astype(float), b.astype(float), equal_nan=True)
        for a, b in ((getattr(one, name), getattr(other, name)) for name in Answers.__slots__)
    )


def test_columns_beliefs_and_any_order_give_the_same(beliefs: list[Belief], tmp_path: Path) -> None:
    path = tmp_path / "p.parquet"
    write_beliefs(path, beliefs, {})
    found = read_answers(path)
    assert _equal(found, Answers.of(beliefs)) and _equal(found, Answers.of(beliefs[::-1]))
    by_id = {one.item.id: one for one in beliefs}
    assert found.ids_I.tolist() == sorted(by_id)
    for row, name in enumerate(found.ids_I):
        one = by_id[name]
        assert found.probs_I_C[row, : found.options_I[row]].tolist() == list(one.probs)
        assert not found.probs_I_C[row, found.options_I[row] :].any()
        assert (found.pred_I[row], found.correct_I[row]) == (one.pred, one.correct)
        assert (found.confidence_I[row], found.domains_I[row]) == (one.confidence, one.item.domain)
        assert found.category_I[row] == one.category
        asked = found.asked_I_C[row, : found.options_I[row]].tolist()
        if one.method == "cloze":
            assert np.isnan(asked).all()
        else:
            assert asked == list(one.asked_probs or one.probs)
    kept = found.without({"é3", "é4"})
    assert kept.ids_I.tolist() == [name for name in sorted(by_id) if name not in ("é3", "é4")]
    with pytest.raises(InputError):
        found.without(set(by_id))


def test_equal_ids_are_one_item_only_where_the_question_is(beliefs: list[Belief]) -> None:
    first = beliefs[0]
    items = {
        "same": first.item,
        "domain": replace(first.item, domain="c"),
        "question": replace(first.item, question="another?"),
        "choices": replace(first.item, choices=tuple(f"{text}!" for text in first.item.choices)),
        "copied": replace(first.item, source="elsewhere.csv", split="test", explanation="said otherwise"),
    }
    numbers = {name: int(Answers.of([replace(first, item=item)]).items_I[0]) for name, item in items.items()}
    assert numbers["same"] == numbers["copied"]
    assert len({numbers[name] for name in ("same", "domain", "question", "choices")}) == 4


def test_records_of_other_probes_are_read_too(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    record = {"id": 7, "question": "?", "choices": ["x", "y"], "answer": 1, "probs": [0.25, 0.75]}
    path.write_text(json.dumps(record))
    found = read_answers(path)
    assert (found.ids_I.tolist(), found.correct_I.tolist()) == (["7"], [True])


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("probs", [0.5, 0.6], "row 2"),
        ("probs", [0.2, 0.3, 0.5], "row 2"),
        ("answer", 2, "row 2"),
        ("id", "é0", "row 2"),
        ("probs", None, "row 2"),
    ],
)
def test_what_does_not_hold_together_names_its_row(
    column: str, value: object, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "p.parquet"
    write_beliefs(path, [belief("é0", (0.5, 0.5), 0), belief("é1", (0.5, 0.5), 0)], {})
    table = pq.read_table(path)
    rows = table.to_pylist()
    rows[1][column] = value
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), path)
    with pytest.raises(InputError, match=words):
        read_answers(path)


def test_measures_go_by_each_items_own_options() -> None:
    before = Answers.of([belief("a", (0.6, 0.4), 0), belief("b", (0.5, 0.3, 0.2), 0)])
    after = Answers.of([belief("b", (0.2, 0.3, 0.5), 0), belief("a", (0.7, 0.3), 0)])
    require_same_items(before, after)
    assert per_item(rank_agreement, before, after) == pytest.approx([1, -1])
    other = Answers.of([belief("a", (0.6, 0.4), 1), belief("b", (0.5, 0.3, 0.2), 0)])
    with pytest.raises(InputError, match="item a has other options or another answer"):
        require_same_items(before, other)
