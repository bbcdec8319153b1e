"""A run's questions and answers as columns of a page: numbers as base64 of small integers.

A probability is a 16-bit share of 65,535; an option is a byte, 255 where there is none.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from harmonia.analysis.answers import read_columns
from harmonia.analysis.consistency import levels_of
from harmonia.analysis.run_answers import CHAT, Who
from harmonia.analysis.tables import PROBE
from harmonia.errors import HarmoniaError
from harmonia.groups.names import BASE
from harmonia.probe.belief_columns import BeliefColumns
from harmonia.probe.fit import group_rows, read_fit
from harmonia.probe.item_columns import TOGETHER, ItemColumns, rows_of
from harmonia.probe.level import LEVELS
from harmonia.prompts import LETTERS
from harmonia.report.rendered import Rendering
from harmonia.report.run_index import RunIndex
from harmonia.report.words import asked_by, in_group_order, plain

N = TypeVar("N", bound=np.generic)

_NONE = 255
Model = tuple[str, int | None]
"""What a model was tuned on, and its seed; `base` and None."""
Asking = tuple[str, str]
"""A form, and a method."""


@dataclass(slots=True)
class _Block:
    """The questions of one suite of a domain, or those whose beliefs were taken, in their first file's order.

    Attributes:
        domain: The domain.
        suite: The suite, or `probe`.
        of: The base model's answers to them.
        level_I: The level of each, as its place in `LEVELS`.
        counted_out: Ids left out of all scores.
        answers: The most probable option and all probabilities as shares, by model and asking.
        asked: The files of the base model's answers, which may hold its prompts.
        texts: The prompts of the base model by asking and id, kept or rendered.
    """

    domain: str
    suite: str
    of: BeliefColumns
    level_I: NDArray[np.uint8]
    answers: dict[tuple[Model, Asking], tuple[NDArray[np.uint8], NDArray[np.uint16]]] = field(
        default_factory=dict
    )
    asked: dict[Asking, Path] = field(default_factory=dict)
    texts: dict[Asking, dict[str, str | None]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.of.row_I)

    def add(self, model: Model, asking: Asking, found: BeliefColumns) -> None:
        """Add a model's answers, whatever the order of their file."""
        probs_I_C = found.padded("probs")
        pred_I = probs_I_C.argmax(axis=1).astype(np.uint8)
        shares_I_C = np.rint(probs_I_C * 65535).astype(np.uint16)
        self.answers[model, asking] = self.placed(found, pred_I, _NONE), self.placed(found, shares_I_C, 0)
        if model[0] == BASE:
            self.asked[asking] = found.path

    def placed(self, found: BeliefColumns, values: NDArray[N], missing: int) -> NDArray[N]:
        """A file's values, a row for each of its answers, in the order of the questions."""
        where = pc.index_in(self.of.ids.combine_chunks(), value_set=found.ids.combine_chunks())
        where_I = where.fill_null(len(values)).to_numpy()
        placed: NDArray[N] = np.append(values, np.full_like(values[:1], missing), axis=0)[where_I]
        return placed

    def take_kept(self) -> None:
        """Take the base model's prompts where its answers hold them."""
        for asking, path in self.asked.items():
            found = read_columns(path, prompts=True)
            if found.answers["prompt"].null_count < len(found.row_I):
                self.texts[asking] = dict(
                    zip(found.ids.to_pylist(), found.answers["prompt"].to_pylist(), strict=True)
                )

    def render(self, rendering: Rendering) -> None:
        """Render the base model's prompts where they were not kept."""
        for asking in self.asked:
            if asking not in self.texts:
                items = list(self.of.items_at(np.arange(len(self)), self.domain))
                found = rendering.prompts(self.domain, self.suite, asking, items)
                self.texts[asking] = dict(zip((item.id for item in items), found, strict=True))

    def prompts(self, at: NDArray[np.int64]) -> Iterator[tuple[Asking, list[Any], list[int]]]:
        """The base model's prompts, where there are any: patterns of them, and each question's pattern."""
        for asking, by_id in self.texts.items():
            asked = zip(*(_column(self, name, at) for name in ("id", "question", "choices")), strict=True)
            patterns: dict[tuple[str | int, ...], int] = {}
            which = [
                patterns.setdefault(_pattern(by_id.get(name) or "", question, choices), len(patterns))
                for name, question, choices in asked
            ]
            yield asking, list(patterns), which

    def kept(self, share: float) -> NDArray[np.int64]:
        """Places of a share of the questions, evenly taken; at least one."""
        count = max(1, int(share * len(self)))
        return np.unique(np.linspace(0, len(self) - 1, count).astype(np.int64))


class QuestionData:
    """All questions of a run with what each model answered.

    Args:
        index: The run's files.

    Attributes:
        all: How many questions there are, those of each suite by themselves.
    """

    def __init__(self, index: RunIndex) -> None:
        self._index = index
        self._items: dict[Any, ItemColumns] = {}
        self._blocks: list[_Block] = []
        self._before: Asking = (CHAT, "letter")
        self._read_beliefs()
        self._read_answers()
        self._blocks.sort(key=lambda block: block.suite == PROBE)  # what is not asked after tuning comes last
        self.all = sum(map(len, self._blocks))
        pairs = {pair for block in self._blocks for pair in block.answers}
        groups = in_group_order(model[0] for model, _ in pairs)
        self._models = sorted(
            {model for model, _ in pairs}, key=lambda one: (groups.index(one[0]), one[1] or 0)
        )
        self._promptless: str | None = None
        self._askings = list(dict.fromkeys(asking for block in self._blocks for _, asking in block.answers))

    def _rendered(self) -> str:
        """Take prompts that were kept and render the others; returns why that could not be done, if so."""
        try:
            rendering = None
            for block in self._blocks:
                block.take_kept()
                if set(block.asked) - set(block.texts):
                    rendering = rendering or Rendering(self._index)
                    block.render(rendering)
        except (HarmoniaError, KeyError, TypeError) as error:
            return f"The prompt cannot be shown: {error}"
        return ""

    def drop_prompts(self) -> None:
        """Leave the prompts out, for a page that would be too large with them."""
        for block in self._blocks:
            block.texts.clear()
        self._promptless = (
            "Prompts are left out: the page would be too large with them. harmonia explain-scoring shows one."
        )

    @property
    def text_bytes(self) -> int:
        """Bytes of all questions with their options and explanations, which a page of all of them exceeds."""
        return sum(
            pc.sum(pc.binary_length(texts)).as_py() or 0
            for block in self._blocks
            for start in range(0, len(block), TOGETHER)
            for some in [rows_of(block.of.items.table, block.of.row_I[start : start + TOGETHER])]
            for texts in (some["id"], some["question"], some["explanation"], pc.list_flatten(some["choices"]))
        )

    def _read(self, path: str) -> BeliefColumns:
        return read_columns(self._index.run / path, self._items)

    def _begin(self, domain: str, suite: str, found: BeliefColumns) -> _Block:
        block = _Block(domain, suite, found, np.full(len(found.row_I), _NONE, np.uint8))
        self._blocks.append(block)
        return block

    def _read_beliefs(self) -> None:
        for domain, path in self._index.beliefs.items():
            found = self._read(path)
            block = self._begin(domain, PROBE, found)
            asked = found.answers["form"][0].as_py(), found.answers["method"][0].as_py()
            self._before = asked
            block.add((BASE, None), asked, found)
            block.level_I = self._levels(found, block)

    def _read_answers(self) -> None:
        blocks: dict[tuple[str, str], _Block] = {}
        for place, path in sorted(self._index.answers.items(), key=lambda one: one[0].group != BASE):
            found, asking = self._read(path), (place.form, place.readout)
            where = place.domain, place.suite
            block = blocks.get(where) or blocks.setdefault(where, self._begin(*where, found))
            block.add((place.group, place.seed), asking, found)
            if place.group == BASE and asking == self._before:
                block.level_I = self._levels(found, block)

    def _levels(self, found: BeliefColumns, block: _Block) -> NDArray[np.uint8]:
        probs_I_C = found.padded("probs")
        right_I = probs_I_C.argmax(axis=1) == found.items.gold_I[found.row_I]
        sure_I = probs_I_C.max(axis=1) > self._index.threshold
        found_I = levels_of(found.texts_I("category"), right_I, sure_I)
        return block.placed(found, np.array([LEVELS.index(one) for one in found_I], dtype=np.uint8), _NONE)

    def json(self, share: float = 1.0) -> tuple[str, int]:
        """All of it as JSON that can stand in a page.

        Args:
            share: Of the questions of each suite.

        Returns:
            The text, and how many questions are in it.
        """
        if self._promptless is None:
            self._promptless = self._rendered()
        kept = [block.kept(share) for block in self._blocks]
        pairs = list(zip(self._blocks, kept, strict=True))
        texts = {
            name: [one for block, at in pairs for one in _column(block, name, at)]
            for name in ("id", "question", "choices", "explanation")
        }
        after = [one for one in self._askings if one[0] == CHAT and one[1] == self._before[1]]
        starts = np.cumsum([0, *map(len, kept)])
        data = {
            "blocks": [
                {
                    "domain": block.domain,
                    "suite": block.suite,
                    "name": "training questions" if block.suite == PROBE else plain(block.suite),
                    "start": int(start),
                    "n": len(at),
                }
                for (block, at), start in zip(pairs, starts, strict=False)
            ],
            "models": [{"name": _model(one)} for one in self._models],
            "askings": [
                {"form": form, "readout": readout, "name": asked_by(form, readout)}
                for form, readout in self._askings
            ],
            "before": self._askings.index(self._before),
            "after": self._askings.index((*after, *self._askings)[0]),
            "options": _bytes(np.array([len(one) for one in texts["choices"]], dtype=np.uint8)),
            "answer": _bytes(
                np.concatenate([block.of.items.gold_I[block.of.row_I[at]] for block, at in pairs])
            ),
            "level": _bytes(np.concatenate([block.level_I[at] for block, at in pairs])),
            "leftOut": _bytes(np.array(list(self._left_out(pairs)))),
            "answers": list(self._answers(pairs)),
            "texts": texts,
            **self._training(texts, pairs, starts),
            "promptless": self._promptless,
            "prompts": [
                {"block": number, "asking": self._askings.index(asking), "patterns": patterns, "which": which}
                for number, (block, at) in enumerate(pairs)
                for asking, patterns, which in block.prompts(at)
            ],
        }
        text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
        # A half of a surrogate pair is written as JSON spells it; no text ends the script that it stands in.
        return text.encode("utf-8", "backslashreplace").decode().replace("<", "\\u003c"), int(starts[-1])

    def _left_out(self, pairs: Sequence[tuple[_Block, NDArray[np.int64]]]) -> Iterator[bool]:
        excluded = self._index.excluded or {}
        for block, at in pairs:
            ids = excluded.get((block.domain, block.suite), ())
            yield from (name in ids for name in _column(block, "id", at))

    def _answers(self, pairs: Sequence[tuple[_Block, NDArray[np.int64]]]) -> Iterator[list[Any]]:
        for number, (block, at) in enumerate(pairs):
            options_I = block.of.items.options_I[block.of.row_I[at]]
            for (model, asking), (pred_I, shares_I_C) in block.answers.items():
                own_I_C = np.arange(shares_I_C.shape[1]) < options_I[:, None]
                shares = shares_I_C[at][own_I_C].astype("<u2")
                place = self._models.index(model), self._askings.index(asking)
                yield [number, *place, _bytes(pred_I[at]), b64encode(shares.tobytes()).decode()]

    def _training(
        self, texts: dict[str, list[Any]], pairs: Sequence[tuple[_Block, Any]], starts: Any
    ) -> dict[str, Any]:
        """Of each model the rows it trained on: which question, the option taught, the texts, its fit."""
        places: dict[tuple[str, str], list[int]] = {}
        for (block, at), start in zip(pairs, starts, strict=False):
            for k, name in enumerate(_column(block, "id", at)):
                places.setdefault((block.domain, name), []).append(int(start) + k)
        said: dict[str, int] = {}
        rows: list[list[Any]] = []
        for who, path in self._index.training.items():
            if (who.group, who.seed) not in self._models:
                continue
            fit = {one.row: one.trained_target for one in self._fit(who)}
            for line, row in group_rows(self._index.run / path):
                for i in places.get((who.domain, row.id), ()):
                    if texts["question"][i] != row.question:
                        continue
                    spoken = [said.setdefault(one.content, len(said)) for one in row.messages[-2:]]
                    model = self._models.index((who.group, who.seed))
                    rows.append([model, i, row.target, *spoken, fit.get(line)])
        return {"training": rows, "said": list(said)}

    def _fit(self, who: Who) -> Sequence[Any]:
        path = self._index.run / "fit" / f"{who.who}.parquet"
        return read_fit(path) if path.is_file() else ()


def _pattern(prompt: str, question: str, choices: Sequence[str]) -> tuple[str | int, ...]:
    """A prompt with its question (-1) and options (0, 1, ...) taken out: those of a suite are then alike."""
    places = [(prompt.rfind(question), len(question), -1)]
    for number, choice in enumerate(choices):
        letter = f"{LETTERS[number]}. "
        at = prompt.rfind(letter + choice)
        places.append((-1 if at < 0 else at + len(letter), len(choice), number))
    parts: list[str | int] = []
    end = 0
    for start, length, number in sorted(places):
        if start >= end:
            parts += [prompt[end:start], number]
            end = start + length
    return (*parts, prompt[end:])


def _column(block: _Block, name: str, at: NDArray[np.int64]) -> list[Any]:
    values: list[Any] = block.of.items.table[name].take(block.of.row_I[at]).to_pylist()
    return values


def _bytes(values: NDArray[Any]) -> str:
    return b64encode(values.astype(np.uint8).tobytes()).decode()


def _model(model: Model) -> str:
    group, seed = model
    return "base model" if seed is None else f"{plain(group)}, seed {seed}"
