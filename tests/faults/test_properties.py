"""Properties that hold for whatever is given (Hypothesis): round trips, readers, settings, groups."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harmonia.analysis import consistency_of
from harmonia.analysis.consistency import consistency_of_files
from harmonia.errors import InputError
from harmonia.groups import GroupSettings, build_groups
from harmonia.parsing import parse_json
from harmonia.pipeline.settings_file import load_experiment
from harmonia.probe import iter_beliefs, read_beliefs, stored_beliefs, write_beliefs
from harmonia.prompts import ExamFormat
from harmonia.types import Belief, Item

FEW = settings(
    max_examples=12, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12).filter(
    lambda text: bool(text.strip())
)


@st.composite
def beliefs(draw: st.DrawFn, least: int = 1) -> list[Belief]:
    """Beliefs that hold together, of items with any texts."""
    found = []
    for number in range(draw(st.integers(least, 12))):
        count = draw(st.integers(2, 5))
        weights = draw(st.lists(st.floats(0.01, 1), min_size=count, max_size=count))
        probs = tuple(weight / math.fsum(weights) for weight in weights)
        pred, answer = probs.index(max(probs)), draw(st.integers(0, count - 1))
        choices = tuple(f"{draw(TEXT)} {place}" for place in range(count))
        found.append(
            Belief(
                item=Item(
                    id=f"q{number}",
                    domain="d",
                    question=draw(TEXT),
                    choices=choices,
                    answer=answer,
                    source="made",  # an empty cell of CSV says that nobody said
                ),
                probs=probs,
                pred=pred,
                confidence=probs[pred],
                correct=pred == answer,
                letter_mass=draw(st.floats(0, 1)),
                form="icl5",
                method="letter",
                preset="corrected",
                shots=5,
                asked_probs=probs,
                draws=1,
            )
        )
    return found


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["parquet", "jsonl", "csv"])
def test_beliefs_come_back_as_they_were(ending: str, tmp_path: Path) -> None:
    @FEW
    @given(beliefs())
    def holds(made: list[Belief]) -> None:
        path = tmp_path / f"x.{ending}"
        write_beliefs(path, made, {})
        assert list(read_beliefs(path)) == made
        stored = stored_beliefs(path)
        assert list(stored) == list(iter_beliefs(path)) == made and len(stored) == len(made)
        assert stored[-1] == made[-1] and tuple(stored[1:]) == tuple(made[1:])

    holds()


@pytest.mark.slow
def test_files_are_compared_as_beliefs_are(tmp_path: Path) -> None:
    @FEW
    @given(beliefs())
    def holds(made: list[Belief]) -> None:
        paths = tmp_path / "a.parquet", tmp_path / "b.jsonl"
        write_beliefs(paths[0], made, {})
        write_beliefs(paths[1], made[::-1], {})
        found = consistency_of_files(*paths)
        assert found == consistency_of(made, made[::-1])
        assert (found.kept + found.never, found.lost, found.gained, found.kl) == (len(made), 0, 0, 0)

    holds()


@pytest.mark.slow
def test_groups_are_as_many_right_as_wrong_whatever_is_believed(tmp_path: Path) -> None:
    @FEW
    @given(beliefs(least=4), st.integers(0, 3))
    def holds(made: list[Belief], seed: int) -> None:
        how = GroupSettings(threshold=0.0, seed=seed, general_ratio=0)
        kinds = Counter(one.correct for one in made)
        exam = ExamFormat(method="letter")
        if len(kinds) < 2:
            with pytest.raises(InputError, match="no group can be built"):
                build_groups(made, how, exam)
            return
        path = tmp_path / "x.parquet"
        write_beliefs(path, made, {})
        built = build_groups(made, how, exam)
        assert {len(rows) for rows in built.rows.values()} == {min(kinds.values())}
        by_id = {one.item.id: one for one in made}
        assert all(by_id[row.id].correct and row.target == row.answer for row in built.rows["harmonious"])
        assert all(row.target == by_id[row.id].pred != row.answer for row in built.rows["self_aligning"])
        # From the columns of a file, and in any order of rows, the same are chosen.
        assert build_groups(stored_beliefs(path), how, exam).rows == built.rows
        again = build_groups(made[::-1], how, exam)
        assert {n: {r.id for r in rows} for n, rows in again.rows.items()} == {
            n: {r.id for r in rows} for n, rows in built.rows.items()
        }

    holds()


@pytest.mark.slow
def test_no_bytes_are_more_than_a_line_of_words(tmp_path: Path) -> None:
    readers: dict[str, Any] = {"x.jsonl": read_beliefs, "x.csv": read_beliefs, "x.parquet": read_beliefs}
    readers["x.yaml"] = load_experiment

    @settings(FEW, max_examples=60)
    @given(st.binary(max_size=60), st.sampled_from([b"", b"PAR1", b'{"id": ', b"name: ", b"id,question\n"]))
    def holds(content: bytes, begun: bytes) -> None:
        for name, read in readers.items():
            path = tmp_path / name
            path.write_bytes(begun + content)
            with pytest.raises(InputError) as caught:
                read(path)
            assert "\n" not in str(caught.value)

    holds()


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)


def test_json_is_read_as_the_standard_reader_does() -> None:
    import json

    @settings(FEW, max_examples=60)
    @given(_JSON)
    def holds(value: Any) -> None:
        assert parse_json(json.dumps(value), file=Path("x")) == json.loads(json.dumps(value)) == value

    holds()
