"""What is wanted of a writer, what came of it, and its file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, model_validator

from harmonia.parsing import NotBlank, require_new, validated
from harmonia.prompts import LETTERS
from harmonia.table_file import TableFile
from harmonia.types import Item


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A text wanted: why option `target` is the answer to `item`."""

    item: Item
    target: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A text written, or the reason why there is none.

    Attributes:
        id: The item's id.
        target: Index of the option that the text speaks for.
        text: The text; None if no try passed the checks.
        tries: Samples drawn; 0 where nothing had to be sampled.
        reason: What was wrong with the last try; None if there is a text.
    """

    id: str
    target: int
    text: str | None
    tries: int
    reason: str | None = None


def texts(written: Iterable[Written]) -> dict[tuple[str, int], str]:
    """The texts there are, by (item id, target)."""
    return {(one.id, one.target): one.text for one in written if one.text is not None}


def dropped(written: Iterable[Written]) -> dict[str, int]:
    """How many texts there are not, by reason."""
    return dict(Counter(one.reason for one in written if one.reason is not None).most_common())


TEXTS = TableFile(
    what="the file of texts",
    columns={"id": str, "target": int, "text": str, "tries": int, "reason": str},
    ending=".jsonl",
)


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    id: NotBlank
    target: int = Field(ge=0, lt=len(LETTERS))
    text: NotBlank | None
    tries: int = Field(ge=0)
    reason: NotBlank | None = None

    @model_validator(mode="after")
    def _text_or_reason(self) -> _Record:
        if (self.text is None) == (self.reason is None):
            raise ValueError("a text or the reason why there is none is needed, and not both")
        return self


def write_written(path: Path, written: Sequence[Written]) -> None:
    """Write a row a text in one step, as JSONL, Parquet or CSV by the name's ending."""
    TEXTS.write(path, map(asdict, written))


def read_written(path: Path) -> tuple[Written, ...]:
    """Read what `write_written` wrote, or texts of a user's own in that form.

    Raises:
        InputError: The file is missing, a row is wrong, or a text comes twice.
    """
    found: list[Written] = []
    first: dict[tuple[str, int], int] = {}
    for number, values in TEXTS.read(path):
        remedy = "A row needs id, target, text and tries; a null text a reason."
        record = validated(_Record, values, file=path, row=number, remedy=remedy)
        problem = "the text for this item and target stands in row {} already"
        key = (record.id, record.target)
        require_new(first, key, file=path, row=number, problem=problem, remedy="Keep one of them.")
        found.append(Written(**record.model_dump()))
    return tuple(found)
