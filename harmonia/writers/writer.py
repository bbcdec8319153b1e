"""Whoever continues prompts; here a model on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from harmonia.models.generate import Continuation, GenerationSettings, generate
from harmonia.models.load import LoadedModel
from harmonia.models.support import slower_writing
from harmonia.prompts import Controls, Spelled
from harmonia.types import Item


class Writer(Protocol):
    """Continues prompts, one continuation each."""

    @property
    def name(self) -> str:
        """Who it is."""

    @property
    def slower(self) -> tuple[str, ...]:
        """What it writes without, and why, a sentence each."""

    def write(
        self,
        prompts: Sequence[str],
        settings: GenerationSettings,
        *,
        addresses: Sequence[str],
        seed: int,
        stage: str,
    ) -> list[Continuation]:
        """One continuation a prompt, in order.

        Args:
            prompts: Raw texts to continue.
            settings: How; `samples` is not read.
            addresses: A name of each prompt for the address of its draws.
            seed: Seed of the draws.
            stage: Stage of the draws.
        """


class LocalWriter:
    """A model on this machine.

    Args:
        loaded: The model.
    """

    def __init__(self, loaded: LoadedModel) -> None:
        self._loaded = loaded
        self._controls = Controls(loaded.tokenizer)

    @property
    def name(self) -> str:
        """The model's place."""
        return self._loaded.settings.path

    @property
    def slower(self) -> tuple[str, ...]:
        """What the model writes without, and why."""
        return slower_writing(self._loaded)

    def spelled(self, items: Sequence[Item]) -> Spelled:
        """How many of some items spell control tokens."""
        texts = ((one.question, *one.choices, one.explanation) for one in items)
        return self._controls.spelled(texts, literal=True)

    def write(
        self,
        prompts: Sequence[str],
        settings: GenerationSettings,
        *,
        addresses: Sequence[str],
        seed: int,
        stage: str,
    ) -> list[Continuation]:
        """One continuation a prompt, in order; control tokens that a prompt spells are text."""
        single = settings.model_copy(update={"samples": 1})
        guarded = [self._controls.guard(prompt) for prompt in prompts]
        found = generate(self._loaded, guarded, single, ids=addresses, seed=seed, stage=stage)
        return [one for (one,) in found]
