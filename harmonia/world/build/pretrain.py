"""The staged training of a lab base.

Four things are learned in this order: which letter holds a value (`matching`), what a text states
(`reading`), the facts and single items (`single`), few-shot documents and dialogues (`fewshot`).
In another order the later ones are not found in the time there is. An auxiliary loss on the
residual stream after the second layer predicts the value behind each letter. Without it,
recalling a value and matching it to a letter were both learned and never joined.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from harmonia.errors import TrainingError
from harmonia.world.build.corpus import Role
from harmonia.world.build.mixture import Mixture, Row, StageName
from harmonia.world.build.model import new_model, new_optimisers, set_rate
from harmonia.world.build.tokenizer import PAD
from harmonia.world.build.training import PretrainingSettings, Progress, StageRecord

if TYPE_CHECKING:
    import torch
    from transformers import LlamaForCausalLM

_WEIGHTS = {
    Role.CONTEXT: 0.05,
    Role.LETTER: 4.0,
    Role.ECHO: 4.0,
    Role.MATCH: 3.0,
    Role.VALUE: 4.0,
    Role.UNSURE_LETTER: 4.0,
    Role.CONTESTED_VALUE: 2.0,
    Role.DIALOGUE_LETTER: 4.0,
    Role.OPTION_TEXT: 0.5,
    Role.STATEMENT: 0.3,
    Role.OPEN_BOOK: 4.0,
}
_RECALLING = (
    Role.MATCH,
    Role.LETTER,
    Role.ECHO,
    Role.OPEN_BOOK,
    Role.VALUE,
    Role.CONTESTED_VALUE,
    Role.DIALOGUE_LETTER,
)
_WINDOW = 50


class _Trainer:
    """One model on its way through the stages."""

    def __init__(
        self, mixture: Mixture, vocabulary: dict[str, int], settings: PretrainingSettings, attempt: int
    ) -> None:
        import torch

        self.mixture, self.vocabulary, self.settings, self.attempt = mixture, vocabulary, settings, attempt
        self.model: Any = new_model(settings.model, vocabulary, mixture.world.seed, attempt)
        self.model.train()
        self.pools = 1
        self.weights = torch.tensor([_WEIGHTS[role] for role in Role])

    def tensors(self, rows: list[Row], length: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Token ids, roles and ids of the named values, each (rows, length)."""
        import torch

        ids = torch.full((len(rows), length), self.vocabulary[PAD])
        roles = torch.full((len(rows), length), int(Role.CONTEXT))
        named = torch.full((len(rows), length), -100)
        for place, row in enumerate(rows):
            ids[place, : len(row)] = torch.tensor([self.vocabulary[word] for word, _, _ in row])
            roles[place, : len(row)] = torch.tensor([int(role) for _, role, _ in row])
            values = [-100 if name is None else self.vocabulary[name] for _, _, name in row]
            named[place, : len(row)] = torch.tensor(values)
        return ids, roles, named

    def losses(self, rows: list[Row], length: int) -> tuple[torch.Tensor, dict[str, tuple[float, int]]]:
        """The loss of a batch, and per role the summed loss and count of its tokens."""
        import torch
        from torch.nn.functional import cross_entropy

        ids, roles, named = self.tensors(rows, length)
        states = self.model.model(ids[:, :-1], output_hidden_states=True, use_cache=False).hidden_states
        kept = ids[:, 1:] != self.vocabulary[PAD]
        targets, roles, named = ids[:, 1:][kept], roles[:, 1:][kept], named[:, 1:][kept]
        token_losses = cross_entropy(self.model.lm_head(states[-1][kept]), targets, reduction="none")
        weights = self.weights[roles]
        loss = (token_losses * weights).sum() / weights.sum()
        recalling = torch.isin(roles, torch.tensor(_RECALLING)) & (named >= 0)
        sums = {
            role.name.lower(): (token_losses[roles == role].sum().item(), int((roles == role).sum()))
            for role in Role
            if (roles == role).any()
        }
        if recalling.any():
            recalled = self.model.lm_head(
                self.model.model.norm(states[self.settings.recall_layer][kept][recalling])
            )
            auxiliary = cross_entropy(recalled, named[recalling])
            loss = loss + self.settings.recall_weight * auxiliary
            sums["recall"] = (auxiliary.item(), 1)
        return loss, sums

    def run(
        self,
        stage: StageName,
        steps: int,
        ends: Callable[[int, dict[str, float]], bool],
        report: Callable[[Progress], None],
    ) -> StageRecord:
        """Train one stage until `ends` or for `steps` steps."""
        import torch

        settings = self.settings
        optimisers = new_optimisers(self.model, settings.rate, settings.decay)
        started, sums = time.monotonic(), defaultdict[str, list[tuple[float, int]]](list)
        means: dict[str, float] = {}
        done = 0
        while done < steps:
            warm = min(1.0, (done + 1) / settings.warm_steps)
            set_rate(optimisers, settings.rate * warm * self._cosine(stage, done / steps))
            loss, parts = self.losses(*self.mixture.batch(stage, done, steps, self.pools))
            torch.autograd.backward(loss)
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), settings.clip)
            for optimiser in optimisers:
                optimiser.step()
                optimiser.zero_grad()
            for name, part in parts.items():
                sums[name].append(part)
            done += 1
            if done % _WINDOW == 0 or done == steps:
                means = {
                    name: sum(total for total, _ in seen) / sum(count for _, count in seen)
                    for name, seen in sums.items()
                }
                sums.clear()
                wall = time.monotonic() - started
                report(
                    Progress(
                        stage=stage, attempt=self.attempt, step=done, steps=steps, losses=means, wall_s=wall
                    )
                )
                if ends(done, means):
                    break
        return StageRecord(
            stage=stage, attempt=self.attempt, steps=done, wall_s=time.monotonic() - started, losses=means
        )

    def _cosine(self, stage: StageName, progress: float) -> float:
        if stage in ("matching", "reading"):
            return 1.0
        low = self.settings.last_rate
        return low + (1 - low) * 0.5 * (1 + math.cos(math.pi * progress))

    def matching_ends(self, step: int, means: dict[str, float]) -> bool:
        """Widen the value pools when one is matched; end when all are, or when stuck."""
        if self.pools > 1:
            return step >= self.settings.matching_least and means["match"] < self.settings.matching_below
        if means["match"] < self.settings.widen_below:
            self.pools = len(self.mixture.world.pools)
        return step >= self.settings.restart_at and means["match"] > self.settings.restart_above


def pretrain(
    mixture: Mixture,
    vocabulary: dict[str, int],
    settings: PretrainingSettings,
    report: Callable[[Progress], None],
) -> tuple[LlamaForCausalLM, list[StageRecord]]:
    """Train a base through all stages.

    An initialisation whose first stage does not start is given up for the next one;
    which one that is depends on the seed alone.

    Raises:
        TrainingError: No initialisation learned to match.
    """
    records: list[StageRecord] = []
    for attempt in range(settings.attempts):
        trainer = _Trainer(mixture, vocabulary, settings, attempt)
        record = trainer.run("matching", settings.matching_steps, trainer.matching_ends, report)
        if trainer.pools > 1 and record.losses["match"] < settings.widen_below:
            break
        records.append(replace(record, restarted=True))
    else:
        raise TrainingError(
            f"no matching learned in {settings.attempts} initialisations of seed {mixture.world.seed}"
        )

    def reading_ends(step: int, means: dict[str, float]) -> bool:
        return means["open_book"] < settings.reading_below

    def single_ends(step: int, means: dict[str, float]) -> bool:
        return step >= settings.single_least and means["letter"] < settings.single_below

    records += [
        record,
        trainer.run("reading", settings.reading_steps, reading_ends, report),
        trainer.run("single", settings.single_steps, single_ends, report),
        trainer.run("fewshot", settings.fewshot_steps, lambda step, means: False, report),
    ]
    return trainer.model, records
