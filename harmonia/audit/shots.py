"""A row as the model reads it: behind demonstrations from its own file that have its form.

    INSTRUCTION
    Answer: ANSWER

    INSTRUCTION
    Answer:

Rows have one form if they agree in whether a system turn stands first, whether one or more
answers are given, and whether the last is short. The demonstrations of a draw are the same for all
rows of a form, so that they are read once; a row that is one of them is shown another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from harmonia.audit.content import words_of
from harmonia.audit.settings import AuditSettings
from harmonia.hashing import addressed_order
from harmonia.prompts.encode import Encoder, common_length
from harmonia.types import Conversation, Message


class RowForm(NamedTuple):
    """What two rows have in common if one can be demonstrated to the other."""

    system: bool
    several: bool
    short: bool

    @property
    def name(self) -> str:
        """Address of its draws."""
        return "".join(str(int(one)) for one in self)


def form_of(row: Conversation, short: int) -> RowForm:
    """The form of a row; `short` is the most words of a short answer."""
    return RowForm(
        system=row.messages[0].role == "system",
        several=sum(turn.role == "user" for turn in row.messages) > 1,
        short=len(words_of(row.messages[-1].content)) <= short,
    )


class Posed(NamedTuple):
    """A context and an answer as token ids.

    `cut` are the tokens of either that the model or the settings have no room for, `shots` the
    demonstrations left.
    """

    context: tuple[int, ...]
    answer: tuple[int, ...]
    shots: int
    cut: int


class Shown:
    """Writes rows behind demonstrations.

    Args:
        rows: The rows of the file, to demonstrate with.
        settings: How.
        guard: Breaks the spelling of control tokens in data.
        encoder: Of the model's tokenizer.
        limit: Positions of the model.

    Attributes:
        form: The form of a row.
        alone: Forms of which the file has no other row, so that others demonstrate.
    """

    def __init__(
        self,
        rows: Sequence[Conversation],
        settings: AuditSettings,
        guard: Callable[[str], str],
        encoder: Encoder,
        limit: int,
    ) -> None:
        self._settings, self._guard, self._encoder, self._limit = settings, guard, encoder, limit
        self.form = partial(form_of, short=settings.short)
        self._rows = {row.id: row for row in rows}
        of_form: dict[RowForm, list[str]] = {}
        for row in rows:
            of_form.setdefault(self.form(row), []).append(row.id)
        self.alone = frozenset(form for form, names in of_form.items() if len(names) == 1)
        every = list(self._rows)
        self._pools = {
            form: self._fitting(every if form in self.alone else names) for form, names in of_form.items()
        }
        self._orders: dict[tuple[RowForm, int], list[str]] = {}
        self._solved: dict[str, str] = {}

    def demonstrations(self, row: Conversation, draw: int) -> tuple[Conversation, ...]:
        """The demonstrations of a row in a draw, never with its own words."""
        form = self.form(row)
        if (form, draw) not in self._orders:
            stage = f"audit/shots/{form.name}/{draw}"
            self._orders[form, draw] = addressed_order(self._settings.seed, stage, self._pools[form])
        chosen: list[Conversation] = []
        for name in self._orders[form, draw]:
            if len(chosen) == self._settings.shots:
                break
            shot = self._rows[name]
            if shot.messages[-2].content != row.messages[-2].content:
                chosen.append(shot)
        return tuple(chosen)

    def context(self, row: Conversation, place: int, shots: Sequence[Conversation]) -> str:
        """The text in front of a row's answer at a place among its messages."""
        for shot in shots:
            if shot.id not in self._solved:
                self._solved[shot.id] = self._written(shot.messages)
        return "\n\n".join([*(self._solved[shot.id] for shot in shots), self._written(row.messages[:place])])

    def prompt(self, row: Conversation, place: int, draw: int, room: int) -> str:
        """The text in front of an answer behind a draw's demonstrations, with room for so many tokens.

        Demonstrations are left out where the model has no room for all.
        """
        shots = self.demonstrations(row, draw)
        for count in range(len(shots), -1, -1):
            text = self.context(row, place, shots[:count])
            if len(self._encoder.encode([text])[0]) + room <= self._limit:
                break
        return text

    def bare(self, row: Conversation, place: int) -> Posed:
        """A row's answer without its instruction, behind the cue alone."""
        cue = self._settings.wording.partition("{instruction}")[2].lstrip()
        return self._encoded(cue, self._answer(row, place))

    def asked(self, row: Conversation, place: int, shots: Sequence[Conversation]) -> Posed:
        """A row's answer behind demonstrations, fewer where the model has no room for all."""
        answer = self._answer(row, place)
        for count in range(len(shots), -1, -1):
            found = self._encoded(self.context(row, place, shots[:count]), answer, count)
            if not found.cut or len(found.context) + len(found.answer) < self._limit or not count:
                return found
        raise AssertionError

    def _answer(self, row: Conversation, place: int) -> str:
        return f" {self._guard(row.messages[place].content)}"

    def _encoded(self, context: str, answer: str, shots: int = 0) -> Posed:
        """A context and what follows it, without the end of the one and the front of the other as need be."""
        head, whole = self._encoder.encode([context, context + answer])
        seam = min(common_length([head, whole]), len(whole) - 1)
        kept = whole[seam:][: min(self._settings.longest_answer, self._limit - 1)]
        room = max(1, self._limit - len(kept))
        front = whole[:seam] if seam <= room else whole[seam - room : seam]
        cut = len(whole) - len(front) - len(kept)
        return Posed(context=front, answer=kept, shots=shots, cut=cut)

    def _written(self, messages: Sequence[Message]) -> str:
        """Turns as text: each answer behind its instruction; down to the cue where no answer follows."""
        parts: list[str] = []
        for turn in messages:
            text = self._guard(turn.content)
            if turn.role == "assistant":
                parts[-1] += f" {text}"
            else:
                parts.append(
                    text if turn.role == "system" else self._settings.wording.replace("{instruction}", text)
                )
        return "\n\n".join(parts)

    def _fitting(self, names: Sequence[str]) -> list[str]:
        """Rows short enough to show; the shortest where these are too few."""

        def length(name: str) -> int:
            return sum(len(turn.content) for turn in self._rows[name].messages)

        fit = [name for name in names if length(name) <= self._settings.longest_shot]
        if len(fit) > self._settings.shots:
            return fit
        return sorted(names, key=lambda name: (length(name), name))[: self._settings.shots + 1]
