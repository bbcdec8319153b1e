"""A model on this machine: scores, continues prompts, and holds what training starts from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from harmonia.models.folder import ModelSettings, fingerprint
from harmonia.models.generate import Draw, continued
from harmonia.models.likelihood import loglikelihoods
from harmonia.models.protocols import ROUNDING, Continuation, GenerationSettings, Likelihood
from harmonia.models.support import slower_generating, slower_scoring
from harmonia.prompts.controls import Controls
from harmonia.prompts.encode import Encoder, Request


@dataclass(frozen=True, kw_only=True, eq=False)
class LocalModel:
    """A transformers model with its tokenizer: a `Scorer` and a `Generator`.

    Attributes:
        settings: Where it came from.
        model: A transformers causal language model in eval mode.
        tokenizer: Its tokenizer.
        device: The torch device it is on.
        max_tokens: Positions that it has.
        noted: Its fingerprint, where one was taken.
    """

    settings: ModelSettings
    model: Any
    tokenizer: Any
    device: str
    max_tokens: int
    noted: str | None = None

    @cached_property
    def identity(self) -> str:
        """Fingerprint of its files; see `Scorer`."""
        return self.noted or fingerprint(self.settings)

    @property
    def rounding(self) -> float:
        """Bound on how far a probability differs by rounding; see `Scorer`."""
        return ROUNDING[self.settings.dtype]

    @property
    def vocabulary(self) -> int:
        """Rows of its logits."""
        return int(self.model.config.get_text_config().vocab_size)

    @cached_property
    def controls(self) -> Controls:
        """The tokenizer's control tokens."""
        return Controls(self.tokenizer)

    @cached_property
    def _encoder(self) -> Encoder:
        """Kept: its tokens of lines, and the second tokenizer that guarded texts need, take time to make."""
        return Encoder(self.tokenizer)

    @property
    def tells_each(self) -> bool:
        """It does."""
        return True

    @property
    def slower_scoring(self) -> tuple[str, ...]:
        """What it is asked without, and why; tried out once."""
        return slower_scoring(self.model, self.tokenizer)

    @property
    def slower_generating(self) -> tuple[str, ...]:
        """What it writes without, and why; tried out once."""
        return slower_generating(self.model)

    def loglikelihoods(
        self, requests: Sequence[Request], *, batch_tokens: int | None = None
    ) -> list[tuple[Likelihood, ...]]:
        """Likelihood of each continuation of each request, under the fp32 softmax; see `Scorer`."""
        return loglikelihoods(self.model, requests, batch_tokens=batch_tokens)

    def generate(
        self,
        prompts: Sequence[str],
        settings: GenerationSettings,
        *,
        addresses: Sequence[str],
        seed: int,
        stage: str,
        batch_tokens: int | None = None,
    ) -> list[tuple[Continuation, ...]]:
        """Continue each prompt, behind the tokenizer's frame; see `Generator`.

        A sample is drawn at the address `ADDRESS#SAMPLE`.
        """
        samples = range(settings.samples)
        asked = [
            Draw(
                place=(number, sample),
                ids=ids,
                limit=min(settings.max_new_tokens, self.max_tokens - len(ids)),
                address=f"{address}#{sample}",
            )
            for number, (ids, address) in enumerate(
                zip(self._encoder.encode(prompts), addresses, strict=True)
            )
            for sample in samples
        ]
        done = continued(
            self.model, self._encoder, asked, settings, seed=seed, stage=stage, batch_tokens=batch_tokens
        )
        return [tuple(done[number, sample] for sample in samples) for number in range(len(prompts))]
