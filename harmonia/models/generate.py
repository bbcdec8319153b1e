"""Prompts -> continuations: greedy or sampled, batched, each exactly what it is alone.

What all prompts begin with (few-shot demonstrations) is read once, and a prompt once
for all its samples. Rows of different lengths go in step without padding: while the
longer prompts are still being read, the shorter ones already continue. A sampled token
is drawn at the address (seed, stage, item, sample), so batches, order and resumes
change nothing. The model's own generation settings (penalties and the like) do not count.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from harmonia.hashing import addressed_random
from harmonia.models.architecture import device_of, scaled_by_length
from harmonia.models.memory import run_in_batches
from harmonia.models.protocols import Continuation, Ended, GenerationSettings, until_stop
from harmonia.models.reader import SharedBeginning
from harmonia.models.sampling import next_tokens
from harmonia.prompts.encode import Encoder, common_length

_SPREAD = 32  # tokens by which the prompts of a batch may differ in length
_BATCH_TOKENS = {"cpu": 16_384, "cuda": 131_072}  # halved until it fits


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """A continuation to make.

    Attributes:
        place: (prompt, sample).
        ids: The prompt's tokens.
        limit: Most tokens of it.
        address: Address of its draws.
    """

    place: tuple[int, int]
    ids: tuple[int, ...]
    limit: int
    address: str


def continued(
    model: Any,
    encoder: Encoder,
    asked: Sequence[Draw],
    settings: GenerationSettings,
    *,
    seed: int,
    stage: str,
    batch_tokens: int | None = None,
) -> dict[tuple[int, int], Continuation]:
    """Make continuations, by their place.

    Args:
        model: A transformers model.
        encoder: Of its tokenizer.
        asked: What to make.
        settings: How.
        seed: Seed of the draws.
        stage: Stage of the draws.
        batch_tokens: Most positions of a batch; None for a guess by device. Halved where
            memory runs out.
    """
    done = {one.place: Continuation(text="", tokens=(), ended="no room") for one in asked if one.limit < 1}
    # The longest first: what does not fit the memory fails at once.
    waiting = sorted((one for one in asked if one.limit > 0), key=lambda one: (-len(one.ids), one.place))
    if not waiting:
        return done
    # Positions that depend on the length read so far must be read as they are alone.
    alone = scaled_by_length(model)
    # Each row keeps at least one token more, behind which it goes on.
    read = [one.ids for one in waiting]
    beginning = 0 if alone else min(common_length(read), min(map(len, read)) - 1)
    shared = SharedBeginning(model, read[0][:beginning])
    ends = end_tokens(model, encoder.tokenizer)

    def run(batch: Sequence[Draw]) -> None:
        draws = [addressed_random(seed, stage, one.address) for one in batch]
        rows = [_Row(one, own, encoder, settings.stop) for one, own in zip(batch, draws, strict=True)]
        _continue(shared, beginning, rows, ends, settings)
        done.update((row.asked.place, row.continuation()) for row in rows)

    size = batch_tokens or _BATCH_TOKENS["cuda" if device_of(model).type == "cuda" else "cpu"]
    run_in_batches(waiting, size, partial(_batch, spread=0 if alone else _SPREAD), run, _positions)
    return done


class _Row:
    """A continuation being made."""

    def __init__(self, asked: Draw, draws: random.Random, encoder: Encoder, stop: tuple[str, ...]) -> None:
        self.asked = asked
        self.draws = draws
        self.ended: Ended | None = None
        self._tokens: list[int] = []
        self._encoder, self._stop = encoder, stop

    def take(self, token: int, ends: set[int]) -> None:
        """Go on by one token."""
        if token in ends:
            self.ended = "end"
            return
        self._tokens.append(token)
        if self._stop and any(text in self._text() for text in self._stop):
            self.ended = "stop"
        elif len(self._tokens) == self.asked.limit:
            self.ended = "length"

    def _text(self) -> str:
        """What the tokens add to the prompt, white space as it stands there."""
        # A decoder may drop the space in front of its first token: the prompt's last one shields it.
        last = self.asked.ids[-1:]
        return self._encoder.decode((*last, *self._tokens))[len(self._encoder.decode(last)) :]

    def continuation(self) -> Continuation:
        """The finished continuation."""
        assert self.ended is not None
        text = until_stop(self._text(), self._stop)
        return Continuation(text=text, tokens=tuple(self._tokens), ended=self.ended)


def _continue(
    shared: SharedBeginning, beginning: int, rows: list[_Row], ends: set[int], settings: GenerationSettings
) -> None:
    """Make the continuations of one batch, all rows in step."""
    prompts = list(dict.fromkeys(row.asked.ids for row in rows))
    position = min(map(len, prompts))
    reader = shared.reader(len(prompts))
    logits = reader.read([ids[beginning:position] for ids in prompts])
    lines = [prompts.index(row.asked.ids) for row in rows]
    reader.select(lines)
    logits = logits[lines]
    while True:
        still_read = [position < len(row.asked.ids) for row in rows]
        uniform = [0.0 if reads else row.draws.random() for row, reads in zip(rows, still_read, strict=True)]
        column = next_tokens(logits, temperature=settings.temperature, top_p=settings.top_p, uniform=uniform)
        for line, (row, reads) in enumerate(zip(rows, still_read, strict=True)):
            if reads:
                column[line] = row.asked.ids[position]
            else:
                row.take(column[line], ends)
        live = [line for line, row in enumerate(rows) if row.ended is None]
        if not live:
            return
        if len(live) < len(rows):
            reader.select(live)
            rows, column = [rows[line] for line in live], [column[line] for line in live]
        logits = reader.read([[token] for token in column])
        position += 1


def end_tokens(model: Any, tokenizer: Any) -> set[int]:
    """Token ids that end a text: those of the model's generation settings and the tokenizer's."""
    configured = getattr(model.generation_config, "eos_token_id", None)
    several = configured if isinstance(configured, list) else [configured]
    return {token for token in [*several, tokenizer.eos_token_id] if token is not None}


def _batch(waiting: Sequence[Draw], positions: int, spread: int) -> list[Draw]:
    """The first rows that go in step and together have no more than so many positions.

    `spread` is by how many tokens its prompts may differ in length. Rows come the longest first.
    """
    batch: list[Draw] = []
    for one in waiting:
        used = sum(map(_positions, batch)) + _positions(one)
        if batch and (used > positions or len(batch[0].ids) - len(one.ids) > spread):
            break
        batch.append(one)
    return batch


def _positions(one: Draw) -> int:
    return len(one.ids) + one.limit
