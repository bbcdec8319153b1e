"""Second pass: what the model answers itself, sampled behind several draws of demonstrations.

As SliCK asks (Gekhman et al. 2024). A short answer of the model agrees with the row if it says all
its words at stake, or is the same after normalisation. Of a long answer it is the share of these
words that counts, or what embeddings or a judge say (agree.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harmonia.audit.agree import Agreement, Pair
from harmonia.audit.content import FileForm, keys_of
from harmonia.audit.settings import AuditSettings
from harmonia.audit.shots import Shown
from harmonia.models import GenerationSettings, Generator
from harmonia.slick.questions import normalised
from harmonia.types import Conversation

CHUNK = 64
"""Rows asked together."""

LONGER = 4
"""Times that a sampled answer may be longer where the row's is long."""

_STAGE = "audit/own"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnAnswers:
    """What a model answers itself.

    Attributes:
        agreement: For each draw, the mean agreement of its samples with the row, 0 to 1.
        steady: Share of the samples that say the same as the most frequent one; 0 where that has
            no word of content. None for long answers, of which no two are the same.
        contained: Whether the row's answer holds all words of content of that one; not of a long answer.
        answer: That one's text.
    """

    agreement: tuple[float, ...]
    steady: float | None
    contained: bool
    answer: str


class SecondPass:
    """Asks rows in doubt.

    Args:
        model: Who is asked.
        shown: Writes rows behind demonstrations.
        form: The form of the file's answers.
        settings: How.
        agreement: Says which long answers agree; None goes by the words at stake.
    """

    def __init__(
        self,
        model: Generator,
        shown: Shown,
        form: FileForm,
        settings: AuditSettings,
        agreement: Agreement | None = None,
    ) -> None:
        self._model, self._shown, self._form, self._settings = model, shown, form, settings
        self._agreement = agreement

    def ask(self, rows: Sequence[tuple[Conversation, int]]) -> list[OwnAnswers]:
        """Ask rows, each at one of its answers: its place among the messages."""
        texts: list[list[list[str]]] = [[] for _ in rows]
        for short in (True, False):
            asked = [k for k, (row, _) in enumerate(rows) if self._is_short(row) == short]
            for draw in range(self._settings.draws):
                for k, samples in zip(
                    asked, self._samples([rows[k] for k in asked], draw, short), strict=True
                ):
                    texts[k].append(samples)
        agreed = self._agreed(rows, texts)
        return [self._found(row, place, said, agreed) for (row, place), said in zip(rows, texts, strict=True)]

    def _agreed(
        self, rows: Sequence[tuple[Conversation, int]], texts: Sequence[Sequence[Sequence[str]]]
    ) -> Mapping[Pair, bool]:
        """Which long answers agree, where that is not told by their words."""
        if self._agreement is None:
            return {}
        pairs = [
            pair_of(row, place, text)
            for (row, place), said in zip(rows, texts, strict=True)
            for samples in said
            for text in samples
            if not self._is_short(row)
        ]
        asked = list(dict.fromkeys(pairs))
        return dict(zip(asked, self._agreement.agree(asked), strict=True))

    def _is_short(self, row: Conversation) -> bool:
        return self._shown.form(row).short

    def _room(self, short: bool) -> int:
        return self._settings.max_new_tokens * (1 if short else LONGER)

    def _samples(self, rows: Sequence[tuple[Conversation, int]], draw: int, short: bool) -> list[list[str]]:
        how = GenerationSettings(
            temperature=self._settings.temperature,
            samples=self._settings.samples,
            max_new_tokens=self._room(short),
            stop=("\n",) if short else ("\n\n",),
        )
        prompts = [self._shown.prompt(row, place, draw, self._room(short)) for row, place in rows]
        found = self._model.generate(
            prompts,
            how,
            addresses=[f"{row.id}/{draw}" for row, _ in rows],
            seed=self._settings.seed,
            stage=_STAGE,
        )
        return [[one.text.strip() for one in samples] for samples in found]

    def _found(
        self,
        row: Conversation,
        place: int,
        said: Sequence[Sequence[str]],
        agreed: Mapping[Pair, bool],
    ) -> OwnAnswers:
        answer = self._form.answer(row, place)
        stakes = {word.key for word in answer.content}
        short = self._is_short(row)

        def agrees(text: str) -> float:
            if normalised(text) == normalised(answer.text):
                return 1.0
            if agreed and not short:
                return float(agreed[pair_of(row, place, text)])
            shared = len(stakes & set(keys_of(text))) / len(stakes) if stakes else 0.0
            return float(shared == 1) if short else shared

        def kind(text: str) -> tuple[str, ...]:
            return tuple(key for key in keys_of(text) if key not in answer.form)

        every = [text for samples in said for text in samples]
        ((most, count),) = Counter(map(kind, every)).most_common(1)
        count = count if most else 0
        return OwnAnswers(
            agreement=tuple(sum(map(agrees, samples)) / len(samples) for samples in said),
            steady=count / len(every) if short else None,
            contained=short and count > 0 and set(most) <= set(keys_of(answer.text)),
            answer=next(text for text in every if kind(text) == most),
        )


def pair_of(row: Conversation, place: int, said: str) -> Pair:
    """An answer of the model's own beside the row's, at a place among its messages."""
    return Pair(row.messages[place - 1].content, row.messages[place].content, said)
