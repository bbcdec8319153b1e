"""Prompts -> continuations: greedy or sampled, batched, each exactly what it is alone.

What all prompts begin with (few-shot demonstrations) is read once, and a prompt once
for all its samples. Rows of different lengths go in step without padding: while the
longer prompts are still being read, the shorter ones already continue. A sampled token
is drawn at the address (seed, stage, item, sample), so batches, order and resumes
change nothing. The model's own generation settings (penalties and the like) do not count.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from harmonia.hashing import addressed_random
from harmonia.models.border import out_of_memory
from harmonia.models.load import LoadedModel, scaled_by_length
from harmonia.models.reader import SharedBeginning
from harmonia.models.sampling import next_tokens
from harmonia.parsing import Settings
from harmonia.prompts.encode import Encoder, common_length

Ended = Literal["stop", "end", "length", "no room", "no text"]

Progress = Callable[[int, int], None]
"""Called with (continuations done, continuations in all)."""

_SPREAD = 32  # tokens by which the prompts of a batch may differ in length
_BATCH_TOKENS = {"cpu": 16_384, "cuda": 131_072}  # halved until it fits


class GenerationSettings(Settings):
    """How texts are continued.

    Attributes:
        temperature: What logits are divided by; 0 takes the likeliest token each time.
        top_p: Only the likeliest tokens that reach this probability together are drawn from.
        max_new_tokens: Most tokens of a continuation.
        samples: Continuations of each prompt.
        stop: Texts that end a continuation and do not belong to it.
    """

    temperature: float = Field(default=0.0, ge=0)
    top_p: float = Field(default=1.0, gt=0, le=1)
    max_new_tokens: int = Field(default=256, ge=1)
    samples: int = Field(default=1, ge=1)
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Continuation:
    """One continuation of a prompt.

    Attributes:
        text: Its text, up to the stop text.
        tokens: Token ids as generated, those of the stop text included, the end mark not.
        ended: What ended it: a stop text, the model's end mark, or the limit of length.
            `no room` if the prompt alone fills the model's context, `no text` if a server
            answers without one.
    """

    text: str
    tokens: tuple[int, ...]
    ended: Ended


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """A continuation to make: `place` is (prompt, sample), `limit` its most tokens."""

    place: tuple[int, int]
    ids: tuple[int, ...]
    limit: int
    address: str


def generate(
    loaded: LoadedModel,
    prompts: Sequence[str],
    settings: GenerationSettings,
    *,
    ids: Sequence[str] | None = None,
    seed: int = 0,
    stage: str = "generate",
    batch_tokens: int | None = None,
    progress: Progress | None = None,
) -> list[tuple[Continuation, ...]]:
    """Continue each prompt.

    Args:
        loaded: The model.
        prompts: Texts to continue, as raw text: the tokenizer's frame is put in front. Data
            in them is guarded (`Controls.guard`) where it must not give control tokens.
        settings: How.
        ids: A name of each prompt for the address of its draws; its number if None.
        seed: Seed of the draws.
        stage: Stage of the draws.
        batch_tokens: Most positions of a batch; None for a guess by device. Halved where
            memory runs out.
        progress: Told how far it is.

    Returns:
        Per prompt, in order, one continuation a sample.
    """
    if not prompts:
        return []
    names = ids or [str(number) for number in range(len(prompts))]
    encoder = Encoder(loaded.tokenizer)
    asked = _asked(loaded, encoder, prompts, names, settings)
    done = {one.place: Continuation(text="", tokens=(), ended="no room") for one in asked if one.limit < 1}
    # The longest first: what does not fit the memory fails at once.
    waiting = sorted((one for one in asked if one.limit > 0), key=lambda one: (-len(one.ids), one.place))
    # Positions that depend on the length read so far must be read as they are alone.
    alone = scaled_by_length(loaded.model)
    spread = 0 if alone else _SPREAD
    # Each row keeps at least one token more, behind which it goes on.
    read = [one.ids for one in waiting]
    beginning = 0 if alone or not read else min(common_length(read), min(map(len, read)) - 1)
    shared = SharedBeginning(loaded, waiting[0].ids[:beginning] if waiting else ())
    size = batch_tokens or _BATCH_TOKENS.get(loaded.device.split(":")[0], _BATCH_TOKENS["cpu"])
    while waiting:
        batch = _batch(waiting, size, spread)
        rows = [_Row(one, addressed_random(seed, stage, one.address)) for one in batch]
        try:
            _continue(loaded, encoder, shared, beginning, rows, settings)
        except RuntimeError as error:
            if len(batch) == 1 or not out_of_memory(error):
                raise
            size = sum(map(_positions, batch)) // 2
            continue
        done.update((row.asked.place, row.continuation(encoder, settings.stop)) for row in rows)
        waiting = waiting[len(batch) :]
        if progress:
            progress(len(done), len(asked))
    samples = range(settings.samples)
    return [tuple(done[prompt, sample] for sample in samples) for prompt in range(len(prompts))]


class _Row:
    """A continuation being made."""

    def __init__(self, asked: _Asked, draws: random.Random) -> None:
        self.asked = asked
        self.draws = draws
        self.tokens: list[int] = []
        self.ended: Ended | None = None

    def take(self, token: int, ends: set[int], encoder: Encoder, stop: tuple[str, ...]) -> None:
        """Go on by one token."""
        if token in ends:
            self.ended = "end"
            return
        self.tokens.append(token)
        if stop and any(text in self.text(encoder) for text in stop):
            self.ended = "stop"
        elif len(self.tokens) == self.asked.limit:
            self.ended = "length"

    def text(self, encoder: Encoder) -> str:
        """What the tokens add to the prompt, white space as it stands there."""
        # A decoder may drop the space in front of its first token: the prompt's last one shields it.
        last = self.asked.ids[-1:]
        return encoder.decode((*last, *self.tokens))[len(encoder.decode(last)) :]

    def continuation(self, encoder: Encoder, stop: tuple[str, ...]) -> Continuation:
        """The finished continuation."""
        assert self.ended is not None
        text = self.text(encoder)
        cut = min([place for place in map(text.find, stop) if place >= 0], default=len(text))
        return Continuation(text=text[:cut], tokens=tuple(self.tokens), ended=self.ended)


def _continue(
    loaded: LoadedModel,
    encoder: Encoder,
    shared: SharedBeginning,
    beginning: int,
    rows: list[_Row],
    settings: GenerationSettings,
) -> None:
    """Make the continuations of one batch, all rows in step."""
    ends = end_tokens(loaded)
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
                row.take(column[line], ends, encoder, settings.stop)
        live = [line for line, row in enumerate(rows) if row.ended is None]
        if not live:
            return
        if len(live) < len(rows):
            reader.select(live)
            rows, column = [rows[line] for line in live], [column[line] for line in live]
        logits = reader.read([[token] for token in column])
        position += 1


def end_tokens(loaded: LoadedModel) -> set[int]:
    """Token ids that end a text: those of the model's generation settings and the tokenizer's."""
    configured = getattr(loaded.model.generation_config, "eos_token_id", None)
    several = configured if isinstance(configured, list) else [configured]
    return {token for token in [*several, loaded.tokenizer.eos_token_id] if token is not None}


def _asked(
    loaded: LoadedModel,
    encoder: Encoder,
    prompts: Sequence[str],
    names: Sequence[str],
    settings: GenerationSettings,
) -> list[_Asked]:
    return [
        _Asked(
            place=(number, sample),
            ids=ids,
            limit=min(settings.max_new_tokens, loaded.max_tokens - len(ids)),
            address=f"{name}#{sample}",
        )
        for number, (ids, name) in enumerate(zip(encoder.encode(prompts), names, strict=True))
        for sample in range(settings.samples)
    ]


def _batch(waiting: Sequence[_Asked], positions: int, spread: int) -> list[_Asked]:
    """The first rows that go in step and together have no more than so many positions.

    Args:
        waiting: Rows, the longest first.
        positions: Most positions of a batch.
        spread: Tokens by which its prompts may differ in length.
    """
    batch: list[_Asked] = []
    for one in waiting:
        used = sum(map(_positions, batch)) + _positions(one)
        if batch and (used > positions or len(batch[0].ids) - len(one.ids) > spread):
            break
        batch.append(one)
    return batch


def _positions(one: _Asked) -> int:
    return len(one.ids) + one.limit
