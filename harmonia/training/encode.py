"""Training rows -> token ids and labels: only what the assistant says is learned.

All the assistant's turns are, or the last one alone. Where a turn begins is where
evaluation reads: its tokens are those that follow the own tokens of all that stands
before it. A row of which a turn cannot be told apart, or nothing is left to learn, stops
the run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby, islice
from pathlib import Path
from typing import Any

from harmonia.data import read_conversations
from harmonia.errors import InputError
from harmonia.files import require_file
from harmonia.hashing import addressed_order, file_sha256, sha256_json
from harmonia.prompts import Encoder, Spelled, Template
from harmonia.training.settings import Learn
from harmonia.types import Conversation

IGNORED = -100
"""Label of a token that is not learned (PyTorch's cross-entropy default)."""
_SETS = 4
_SOME = 20
_SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """One row for the trainer.

    Attributes:
        input_ids: The whole conversation.
        labels: The ids of what is learned in their places, `IGNORED` elsewhere.
    """

    id: str
    input_ids: tuple[int, ...]
    labels: tuple[int, ...]
    weight: float = 1.0
    from_epoch: int = 0

    @property
    def learned(self) -> tuple[int, ...]:
        """The ids that carry loss."""
        return tuple(label for label in self.labels if label != IGNORED)

    @property
    def before(self) -> int:
        """Tokens before the first that carries loss."""
        return next(place for place, label in enumerate(self.labels) if label != IGNORED)


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedSet:
    """A training set as token ids.

    Attributes:
        shortened: Rows that lost something to learn at the longest length.
        spelled: Rows whose texts spell control tokens.
        some: Some of its rows, spread over the file, each beside its tokens.
    """

    rows: tuple[Encoded, ...]
    shortened: int
    spelled: Spelled
    some: tuple[tuple[Conversation, Encoded], ...]
    notes: tuple[str, ...] = ()

    def epochs(self, count: int, seed: int) -> list[Encoded]:
        """The rows of all epochs one after the other, each epoch in its own addressed order.

        Laid out as one pass, a resumed run simply reads on where it stopped. A row that
        is held back joins in at its `from_epoch`.
        """
        by_id = {row.id: row for row in self.rows}
        return [
            by_id[name]
            for epoch in range(count)
            for name in addressed_order(seed, f"training/epoch{epoch}", by_id)
            if by_id[name].from_epoch <= epoch
        ]


def encode_rows(
    rows: Sequence[Conversation],
    template: Template,
    encoder: Encoder,
    max_length: int,
    *,
    file: str,
    learn: Learn = "all",
) -> EncodedSet:
    """Encode a training set.

    A row longer than `max_length` tokens is cut at its end; `file` names the rows' file in messages.

    Raises:
        InputError: A turn cannot be told in tokens from what stands beside it, or a row
            has no token to learn within `max_length`.
    """
    encoded = []
    shortened = 0
    for row in rows:
        try:
            whole = template.conversation(row.messages)
        except InputError as error:
            raise error.at(what=f"the row of id {row.id}", file=file, row=row.line) from error
        places = _learned(row, whole.turns, learn)
        ids, spans = encoder.spans(
            whole.text, places or whole.turns, what=f"row {row.line} (id {row.id}) of {file}"
        )
        first, (_, last) = spans[0][0], spans[-1]
        if first >= max_length:
            problem = f"the prompt alone has {first} tokens, so nothing is left to learn"
            remedy = f"Leave the row out, or raise max_length above {first} (now {max_length})."
            raise InputError(problem, file=file, row=row.line, field="messages", remedy=remedy)
        shortened += last > max_length
        labels = [IGNORED] * len(ids)
        for start, stop in spans:
            labels[start:stop] = ids[start:stop]
        encoded.append(
            Encoded(
                id=row.id,
                input_ids=ids[:max_length],
                labels=tuple(labels[:max_length]),
                # A row of which no turn is learned keeps its place, as one of weight 0 does.
                weight=row.weight if places else 0.0,
                from_epoch=row.from_epoch,
            )
        )
    _require_lesson(encoded, file)
    texts = ([message.content for message in row.messages] for row in rows)
    spelled = template.controls.spelled(texts, literal=template.literal)
    some = tuple(zip(rows, encoded, strict=True))[:: max(1, len(rows) // _SOME)][:_SOME]
    return EncodedSet(rows=tuple(encoded), shortened=shortened, spelled=spelled, some=some)


def _learned(row: Conversation, turns: Sequence[tuple[int, int]], learn: Learn) -> list[tuple[int, int]]:
    """The places of the assistant's turns that are learned."""
    spoken = [message for message in row.messages if message.role == "assistant"]
    pairs = list(zip(spoken, turns, strict=True))
    return [place for message, place in (pairs if learn == "all" else pairs[-1:]) if message.learned]


def _require_lesson(rows: Sequence[Encoded], file: str) -> None:
    if not any(row.weight for row in rows):
        problem = "no row teaches anything: each has weight 0, or no turn that is learned"
        remedy = "Give at least one row a weight above 0 and a turn of the assistant's that is learned."
        raise InputError(problem, file=file, field="weight", remedy=remedy)


class EncodedSets:
    """Training sets as token ids, kept from one run to the next.

    A set is told by its file's content, the template, the tokenizer and the longest
    length. The last few sets are kept.
    """

    def __init__(self) -> None:
        self._kept: dict[str, EncodedSet] = {}

    def encode(
        self, group: Path, template: Template, encoder: Encoder, max_length: int, learn: Learn = "all"
    ) -> EncodedSet:
        """Read and encode a training set, or give it as it was encoded before.

        Raises:
            InputError: As `read_conversations` and `encode_rows` do.
        """
        require_file(group, what="the training set")
        tokenizer = [encoder.tokenizer.name_or_path, len(encoder.tokenizer)]
        key = sha256_json([file_sha256(group), template.hash, tokenizer, max_length, learn])
        if key not in self._kept:
            read = read_conversations(group, what="the training set")
            encoded = encode_rows(read.rows, template, encoder, max_length, file=str(group), learn=learn)
            self._kept[key] = replace(encoded, notes=read.notes)
            for old in list(self._kept)[:-_SETS]:
                del self._kept[old]
        return self._kept[key]


def show_mask(encoded: EncodedSet, encoder: Encoder) -> list[dict[str, Any]]:
    """The first rows that teach as text, learned parts and others apart, for a person to check.

    Returns:
        Per row its `id` and its `parts` in order, each a `text` and whether it is `learned`.
    """
    shown = []
    for row in islice((row for row in encoded.rows if row.weight), _SHOWN):
        pairs = zip(row.input_ids, row.labels, strict=True)
        parts = [
            {"text": encoder.decode([token for token, _ in part]), "learned": learned}
            for learned, part in groupby(pairs, key=lambda pair: pair[1] != IGNORED)
        ]
        shown.append({"id": row.id, "parts": parts})
    return shown
