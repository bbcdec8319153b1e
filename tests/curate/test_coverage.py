"""Rows made of a reference corpus where a file is sparse."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import harmonia
from harmonia.curate import CurateSettings, curate_audit, open_audit
from harmonia.curate.coverage import sparse
from harmonia.errors import EmptyGroupError, InputError
from harmonia.models import Continuation, LocalModel
from harmonia.models.fake import FakeModel

HELD = "What is the capital of France?"
WORDS = ("river", "city", "metal", "current", "voltage", "steel", "bridge", "treaty", "king", "pressure")


class Writer(LocalModel):
    """A tiny model whose texts are scripted; the first question that it writes asks for what is held back."""

    def generate(self, prompts: Any, *_: Any, **how: Any) -> Any:
        told = []
        for prompt, address in zip(prompts, how["addresses"], strict=True):
            text = prompt.splitlines()[0]
            said = f" About {text}?" if how["stage"].endswith("questions") else f" It is {text}."
            is_held = "treaty" in text and how["stage"].endswith("questions")
            said = HELD if is_held else said
            told.append((Continuation(text=said, tokens=(), ended="stop" if address else "end"),))
        return told


@pytest.fixture
def writer(tiny_loaded: Callable[[str], LocalModel]) -> Writer:
    return Writer(**{name: getattr(tiny_loaded("llama"), name) for name in LocalModel.__dataclass_fields__})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = [{"id": f"r{k}", "instruction": f"Say {k}.", "output": f"{WORDS[k % 3]} {k}"} for k in range(30)]
    rows.append({"id": "held", "instruction": HELD, "output": "Paris"})
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    model = FakeModel(lambda text: {" Paris": 0.9} if "France" in text[-40:] else {})
    harmonia.audit(model, path, out=tmp_path / "audit", draws=1, samples=0, shots=1)
    return tmp_path / "audit"


def corpus(path: Path, texts: Any) -> Path:
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
    return path


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    some = [" ".join(WORDS[(k * j + j) % 7] for j in range(1, 6)) + f" {k} of it." for k in range(40)]
    return corpus(tmp_path / "texts.jsonl", some)


def by_hand(points_2N: Any, at_2M: Any) -> Any:
    """Gaussian kernels with Scott's bandwidth: covariance times n^(-2/6)."""
    count = points_2N.shape[1]
    spread = np.cov(points_2N) * count ** (-2 / 6)
    away = at_2M[:, :, None] - points_2N[:, None]
    distance = np.einsum("imn,ij,jmn->mn", away, np.linalg.inv(spread), away)
    return np.exp(-distance / 2).mean(1) / (2 * np.pi * np.sqrt(np.linalg.det(spread)))


def test_a_file_is_sparse_where_its_density_is_below_the_corpus() -> None:
    random = np.random.default_rng(0)
    far = np.zeros(8)
    far[2] = 9
    rows, near, away = (random.normal(size=(n, 8)) for n in (60, 40, 40))
    texts = np.concatenate([near, away + far])
    found = sparse(rows, texts)
    assert found[40:].all() and found[:40].mean() < 0.2
    both = np.concatenate([rows, texts])
    _, axes = np.linalg.eigh(np.cov(both.T))
    flat = (both - both.mean(0)) @ axes[:, -2:]
    expected = by_hand(flat[:60].T, flat[60:].T) < by_hand(flat[60:].T, flat[60:].T)
    assert np.array_equal(found, expected)


def test_texts_from_where_the_file_is_sparse_become_rows(
    folder: Path, texts: Path, writer: Writer, tmp_path: Path
) -> None:
    how: dict[str, Any] = {"reference": str(texts), "coverage": {"share": 0.099}}
    found = harmonia.curate(folder, policy="coverage", model=writer, **how)
    rows = list(found)
    new = [one for one in rows if one.changed == "new"]
    assert 1 <= len(new) <= 2 and len(rows) == len(found) == len(list(found.control)) == 30
    assert len(new) < 0.1 * len(found)
    said = [json.loads(line)["text"] for line in texts.read_text().splitlines()]
    for one in new:
        text = said[one.row.line - 1]
        assert one.row.id == f"texts.jsonl:{one.row.line}" and "treaty" not in text
        question, answer = (turn.content for turn in one.row.messages)
        assert (question, answer) == (f"About {text}?", f"It is {text}.")
    # The rows of the file that stay are those of the same draws.
    smaller = harmonia.curate(folder, policy="all", budget=30 - len(new))
    assert [one.row for one in rows if one.changed == "none"] == [one.row for one in smaller]
    summary = found.save(tmp_path / "set.jsonl", "trl")
    assert summary["changed"]["new"] == len(new) and summary["categories"]["none"] == len(new)
    assert any(note.startswith("texts written by another model") for note in summary["notes"])
    record = json.loads((tmp_path / "set.jsonl").read_text().splitlines()[-1])
    assert (record["policy"], record["category"], record["conflict"]) == ("coverage", None, None)


def test_a_text_that_asks_for_what_is_held_back_makes_no_row(
    folder: Path, writer: Writer, tmp_path: Path
) -> None:
    path = corpus(tmp_path / "held.jsonl", [f"treaty {k} of the {WORDS[k % 10]}." for k in range(30)])
    with pytest.raises(EmptyGroupError, match="asks for a fact that is held back: 1"):
        harmonia.curate(folder, policy="coverage", model=writer, reference=str(path))


def test_texts_that_state_nothing_are_left_out_and_counted(
    folder: Path, texts: Path, writer: Writer, tmp_path: Path
) -> None:
    good = [json.loads(line)["text"] for line in texts.read_text().splitlines()]
    also = [
        "He died in 1912.",
        "Er sagte: „Nein.“",
        "水は低い所へ流れる。",
        "यह एक नदी है।",
        "# A title\nA sentence. Is it?",
    ]
    nothing = [
        "Contents",
        "Who was it?",
        "1. milk\n2. eggs",
        "def f(x):\n    return x + 1",
        "https://a.example/b.html",
    ]
    path = corpus(tmp_path / "mixed.jsonl", [*nothing, *good, *also])
    found = harmonia.curate(folder, policy="coverage", model=writer, reference=str(path))
    assert found.covered is not None and found.covered.texts == len(good) + len(also)
    assert "texts of the reference left out, as no sentence states anything: 5" in found.notes
    assert all(one.row.line > len(nothing) for one in found if one.changed == "new")


def test_what_the_model_writes_must_be_a_question(folder: Path, texts: Path, writer: Writer) -> None:
    def said(prompts: Any, *_: Any, **how: Any) -> Any:
        return [(Continuation(text=" The river runs on.", tokens=(), ended="stop"),) for _ in prompts]

    object.__setattr__(writer, "generate", said)
    with pytest.raises(EmptyGroupError, match="ends in no question mark: 1"):
        harmonia.curate(folder, policy="coverage", model=writer, reference=str(texts))


def test_a_curation_that_was_cut_off_ends_the_same(
    folder: Path, texts: Path, writer: Writer, tmp_path: Path
) -> None:
    settings = CurateSettings(policy="coverage", reference=str(texts))
    whole = list(curate_audit(open_audit(folder), settings, model=writer))
    told: list[int] = []

    def cut_off(*_: int) -> None:
        told.append(0)
        if len(told) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        curate_audit(open_audit(folder), settings, model=writer, journal=tmp_path / "j", progress=cut_off)
    assert {path.name for path in (tmp_path / "j").iterdir()} == {"rows.jsonl", "texts.jsonl"}
    assert list(curate_audit(open_audit(folder), settings, model=writer, journal=tmp_path / "j")) == whole


@pytest.mark.parametrize(
    ("settings", "texts", "problem"),
    [
        ({}, None, "needs a reference corpus"),
        ({}, ["A text.", "Another."], "too few"),
        ({}, ["A text.", "A heading"], "too few.*state nothing: 1"),
        ({}, ["Home | About", "What is it?", "1. milk\n2. eggs", "x = 1.5"], "no text with a sentence"),
        ({}, ["The same text."] * 9, "too few.*repeat an earlier one: 8"),
        ({}, ["A text.", " "], "row 2.*has no text"),
        ({"budget": 10}, [f"Text {k} of it." for k in range(9)], "10 % of a set of 10"),
        ({"coverage": {"share": 0.1}}, ["a text"], "share"),
        ({"coverage": {"answer": "{text} {other}"}}, ["a text"], "answer"),
        ({"policy": "all"}, ["a text"], "no other policy"),
    ],
)
def test_what_cannot_be_covered_is_told(
    settings: Any, texts: Any, problem: str, folder: Path, writer: Writer, tmp_path: Path
) -> None:
    how = {"policy": "coverage", "model": writer, **settings}
    if how["policy"] == "all":
        how["model"] = None
    if texts is not None:
        how["reference"] = str(corpus(tmp_path / "some.jsonl", texts))
    with pytest.raises(InputError, match=problem):
        harmonia.curate(folder, **how)


def test_a_model_whose_files_are_not_here_is_refused(folder: Path, texts: Path) -> None:
    with pytest.raises(InputError, match="no hidden states"):
        harmonia.curate(folder, policy="coverage", model=FakeModel(lambda _: {}), reference=str(texts))


@pytest.mark.parametrize("wording", ["{text} }", "{text} {other}", "no part", "{text}{text}"])
def test_a_wording_holds_its_parts_and_no_other_brace(wording: str) -> None:
    with pytest.raises(ValueError, match="no other brace"):
        CurateSettings.model_validate({"coverage": {"question": wording}})
