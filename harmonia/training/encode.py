"""Training rows -> token ids and labels: only what the assistant says is learned.

The split between prompt and reply is the one that evaluation reads at: the reply's
tokens are those that follow the prompt's own tokens. A row whose reply cannot be told
apart, or of which nothing is left to learn, stops the run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harmonia.errors import InputError
from harmonia.files import require_file
from harmonia.groups.records import TrainingRow, read_training_rows
from harmonia.hashing import addressed_order, file_sha256, sha256_json
from harmonia.prompts import Template
from harmonia.scoring import Encoder

IGNORED = -100
"""Label of a token that is not learned (PyTorch's cross-entropy default)."""
_SETS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """One row for the trainer.

    Attributes:
        id: The row's id.
        input_ids: Prompt and reply.
        labels: The reply's ids in their places, `IGNORED` elsewhere.
        weight: Weight of the row in the loss, 0 or more.
        from_epoch: First epoch, from 0, in which the row is shown.
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
        encoded.append(
            Encoded(
                id=row.id,
                input_ids=head + learned,
                labels=(IGNORED,) * len(head) + learned,
                weight=row.weight,
                from_epoch=row.from_epoch,
            )
        )
    return EncodedSet(rows=tuple(encoded), shortened=shortened)


class EncodedSets:
    """Training sets as token ids, kept from one run to the next.

    A set is told by its file's content, the template, the tokenizer and the longest
    length. The last few sets are kept.
    """

    def __init__(self) -> None:
        self._kept: dict[str, EncodedSet] = {}

    def encode(self, group: Path, template: Template, encoder: Encoder, max_length: int) -> EncodedSet:
        """Read and encode a training set, or give it as it was encoded before.

        Raises:
            InputError: As `read_training_rows` and `encode_rows` do.
        """
        require_file(group, what="the training set")
        tokenizer = [encoder.tokenizer.name_or_path, len(encoder.tokenizer)]
        key = sha256_json([file_sha256(group), template.hash, tokenizer, max_length])
        if key not in self._kept:
            rows = read_training_rows(group)
            self._kept[key] = encode_rows(rows, template, encoder, max_length, file=str(group))
            for old in list(self._kept)[:-_SETS]:
                del self._kept[old]
        return self._kept[key]


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
