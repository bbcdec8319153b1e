"""A training set -> what the model tuned on it answers to its rows: whether it learned them at all.

Every row is asked twice. As trained: exactly the row's own conversation, up to the reply. And
reworded: the same with the exam's line of introduction above the question, which no training
row has; options and question stay as the model reads them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from harmonia.columns import Count, Share, Table
from harmonia.journal import Chunks
from harmonia.models import Scorer
from harmonia.parsing import read_json_lines, validated
from harmonia.probe.ask import CHUNK
from harmonia.probe.settings import ProbeSettings
from harmonia.probe.views import view_of
from harmonia.prompts import Encoder, Form, Request, Template, plain_text
from harmonia.types import GroupRow, Item, Prompt, Scores

_CHAT = Form(chat=True, shots=0)
_REMEDY = "Let the run build its groups again."


@dataclass(frozen=True, kw_only=True)
class FittedRow:
    """What a tuned model answers to one row that it was trained on.

    Attributes:
        row: The row's line in the training set, from 1.
        id: The row's id.
        options: Its options.
        target: Index of the option trained on.
        trained: Index of the option answered to the row as trained.
        trained_target: Probability of the option trained on, asked so.
        reworded: Index of the option answered behind another wording.
        reworded_target: Probability of the option trained on, asked so.
    """

    row: Count
    id: str
    options: Count
    target: Count
    trained: Count
    trained_target: Share
    reworded: Count
    reworded_target: Share


FITTED = Table(name="fit_rows", row=FittedRow, key=("row",))


def group_rows(group: Path) -> Iterator[tuple[int, GroupRow]]:
    """The rows of a training set, each with its line.

    Raises:
        InputError: The file is not there, or a row is not as `groups` writes it.
    """
    for line, values in read_json_lines(group, what="the training set"):
        yield line, validated(GroupRow, values, file=group, row=line, remedy=_REMEDY)


def questions_of(group: Path) -> Iterator[tuple[int, GroupRow]]:
    """The rows that teach an option, as for `group_rows`; those of weight 0 teach nothing."""
    return (one for one in group_rows(group) if one[1].target is not None and one[1].weight > 0)


def ask_trained(
    model: Scorer,
    rows: Sequence[tuple[int, GroupRow]],
    template: Template,
    *,
    settings: ProbeSettings,
    chunks: Chunks,
) -> tuple[list[FittedRow], int]:
    """Ask a tuned model the rows that it was trained on, in the chat form.

    Returns:
        What it answers, and how many rows were left out as too long for the model.

    Raises:
        InputError: Letters or options cannot be told apart in tokens.
    """
    encoder = Encoder(model.tokenizer)
    asked = [(line, row, _requests(row, template, encoder)) for line, row in rows]
    kept = [one for one in asked if all(request.length <= model.max_tokens for request in one[2])]

    def work(_: int, some: Sequence[tuple[int, GroupRow, tuple[Request, ...]]]) -> list[FittedRow]:
        requests = [request for *_, both in some for request in both]
        found = iter(model.loglikelihoods(requests, batch_tokens=settings.batch_tokens))
        read = []
        for line, row, both in some:
            trained, reworded = (
                _probs(row, request, [one.sum for one in next(found)], template, settings) for request in both
            )
            read.append(_fitted(line, row, trained, reworded))
        return read

    return chunks.results(work, kept, CHUNK, FittedRow), len(asked) - len(kept)


def _requests(row: GroupRow, template: Template, encoder: Encoder) -> tuple[Request, ...]:
    """The row as trained, and reworded."""
    item = _item(row)
    *before, question = row.messages[:-1]
    intro = template.exam.intro(item)
    reworded = replace(question, content=f"{intro}\n\n{question.content}")
    guarded = template.controls.guard_item(item) if template.literal else item
    requests = []
    for last in (question, reworded):
        context, joint = template.opening([*before, last])
        prompt = Prompt(
            item_id=row.id,
            form=str(_CHAT),
            context=context,
            continuations=tuple(f"{joint}{answer}" for answer in template.exam.answers(guarded)),
            shots=0,
        )
        letters = template.exam.method == "letter"
        following = template.following(item, _CHAT)
        requests.append(
            encoder.letter_request(prompt, following) if letters else encoder.text_request(prompt)
        )
    return tuple(requests)


def _item(row: GroupRow) -> Item:
    """The row's question, the option trained on being the right one."""
    assert row.target is not None
    return Item(id=row.id, domain=row.domain, question=row.question, choices=row.choices, answer=row.target)


def _probs(
    row: GroupRow, request: Request, sums: Sequence[float], template: Template, settings: ProbeSettings
) -> tuple[float, ...]:
    scores = Scores(
        item_id=row.id,
        logprobs=tuple(sums),
        n_tokens=tuple(map(len, request.continuations)),
        n_chars=tuple(len(plain_text(text).strip()) for text in template.exam.answers(_item(row))),
        shots=0,
        context="",
    )
    order = tuple(range(len(row.choices)))
    return view_of(scores, order, style=template.exam.method, normalisation=settings.normalisation).probs


def _fitted(line: int, row: GroupRow, trained: Sequence[float], reworded: Sequence[float]) -> FittedRow:
    target = _item(row).answer
    return FittedRow(
        row=line,
        id=row.id,
        options=len(row.choices),
        target=target,
        trained=trained.index(max(trained)),
        trained_target=trained[target],
        reworded=reworded.index(max(reworded)),
        reworded_target=reworded[target],
    )


def write_fit(path: Path, rows: Sequence[FittedRow], about: dict[str, Any]) -> None:
    """Write what a tuned model answers to its training rows, in one step."""
    records = [asdict(row) for row in rows]
    values = {one.name: [record[one.name] for record in records] for one in fields(FittedRow)}
    FITTED.write_file(path, values, about)


def read_fit(path: Path) -> tuple[FittedRow, ...]:
    """Read them, and check every cell.

    Raises:
        InputError: The file is not there, or not as it was written.
    """
    return replace(FITTED, name=path.stem).read(path.parent)
