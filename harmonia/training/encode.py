"""Training rows -> token ids and labels: only what the assistant says is learned.

The split between prompt and reply is the one that evaluation reads at: the reply's
tokens are those that follow the prompt's own tokens. A row whose reply cannot be told
apart, or of which nothing is left to learn, stops the run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harmonia.errors import InputError
from harmonia.groups.records import TrainingRow
from harmonia.hashing import addressed_order
from harmonia.prompts import Template
from harmonia.scoring import Encoder

IGNORED = -100
"""Label of a token that is not learned (PyTorch's cross-entropy default)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """One row for the trainer.

    Attributes:
        id: The row's id.
        input_ids: Prompt and reply.
        labels: The reply's ids in their places, `IGNORED` elsewhere.
    """

    id: str
    input_ids: tuple[int, ...]
    labels: tuple[int, ...]

    @property
    def learned(self) -> tuple[int, ...]:
        """The ids that carry loss."""
        return tuple(label for label in self.labels if label != IGNORED)


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedSet:
    """A training set as token ids.

    Attributes:
        rows: Its rows, in the file's order.
        shortened: Rows whose reply was cut to the longest length.
    """

    rows: tuple[Encoded, ...]
    shortened: int

    def epochs(self, count: int, seed: int) -> list[Encoded]:
        """The rows of all epochs one after the other, each epoch in its own addressed order.

        Laid out as one pass, a resumed run simply reads on where it stopped.
        """
        by_id = {row.id: row for row in self.rows}
        return [
            by_id[name]
            for epoch in range(count)
            for name in addressed_order(seed, f"training/epoch{epoch}", by_id)
        ]


def encode_rows(
    rows: Sequence[TrainingRow], template: Template, encoder: Encoder, max_length: int, *, file: str
) -> EncodedSet:
    """Encode a training set.

    Args:
        rows: The conversations; only the last turn of each is learned.
        template: Writes them.
        encoder: Encodes them.
        max_length: Tokens of a row; a longer reply is cut at its end.
        file: Where they come from, for messages.

    Raises:
        InputError: A prompt and its reply cannot be told apart in tokens, or a row has
            no token to learn within `max_length`.
    """
    encoded = []
    shortened = 0
    for row in rows:
        prompt, reply = template.training_text(row.messages)
        head, tail = encoder.split(prompt, prompt + reply, what=f"row {row.row} (id {row.id}) of {file}")
        if len(head) >= max_length:
            raise InputError(
                f"the prompt alone has {len(head)} tokens, so nothing is left to learn",
                file=file,
                row=row.row,
                field="messages",
                remedy=f"Leave the row out, or raise max_length above {len(head)} (now {max_length}).",
            )
        shortened += len(head) + len(tail) > max_length
        learned = tail[: max_length - len(head)]
        encoded.append(Encoded(id=row.id, input_ids=head + learned, labels=(IGNORED,) * len(head) + learned))
    return EncodedSet(rows=tuple(encoded), shortened=shortened)


def show_mask(encoded: EncodedSet, encoder: Encoder, count: int = 3) -> list[dict[str, str]]:
    """The first rows as text, prompt and learned part apart, for a person to check."""
    return [
        {
            "id": row.id,
            "prompt": encoder.decode(row.input_ids[: len(row.input_ids) - len(row.learned)]),
            "learned": encoder.decode(row.learned),
        }
        for row in encoded.rows[:count]
    ]
