"""Watch known facts while any trainer of transformers or TRL trains.

Facts are asked of the very model that trains, without a gradient. Its modes and all random states are put
back, so that a training with the callback has the losses of one without.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import Trainer, TrainerCallback

from harmonia.audit import AUDIT_ROWS, AuditSettings
from harmonia.audit.folder import CANARIES
from harmonia.audit.rows import ROWS
from harmonia.compare.canaries import (
    AskedOfBoth,
    QuestionSuite,
    asked_alone,
    demonstrated,
    read_canaries,
)
from harmonia.compare.said import ModelSaid, said_by
from harmonia.compare.settings import CompareSettings
from harmonia.errors import InputError
from harmonia.hashing import sample
from harmonia.models import LocalModel, ModelSettings
from harmonia.models.architecture import context_length, device_of
from harmonia.probe.stability import wilson

log = logging.getLogger(__name__)

_QUICK = CompareSettings(readouts=("cloze",), audit=AuditSettings(shots=2, draws=1, samples=0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """Of how many facts something holds now.

    Attributes:
        hits: Facts that are lost, or rows that are fitted.
        n: Facts known at the start, or rows not known then.
    """

    hits: int
    n: int

    def logged(self, name: str) -> dict[str, float]:
        """Share and 95 % interval (Wilson's) under a tracker's names."""
        low, high = wilson(self.hits, self.n)
        return {name: self.hits / self.n, f"{name}_low": low, f"{name}_high": high}


class KnowledgeDriftCallback(TrainerCallback):  # type: ignore[misc]
    """Asks known facts during a training; logs, warns or stops when they fall.

        trainer.add_callback(harmonia.KnowledgeDriftCallback(trainer, "audit/"))

    Logged under `knowledge/`, beside the losses, are shares with 95 % intervals and the `seconds` of all
    checks so far. `lost` is of the facts known at the start, `fitted` of the rows that the audit called
    unknown. It speaks when the lower end of an interval is above `bound`.

    One process alone is supported: no DDP, FSDP or DeepSpeed.

    Args:
        trainer: A transformers or TRL trainer of a causal language model.
        canaries: Folder of `harmonia audit`, whose unknown rows are watched, too; or a file of canaries.
        every: Optimizer steps between checks; None for as often as `cost` allows. At the start and at the
            end there is always one.
        cost: Share of the training time that checks may take.
        most: Most canaries, and most unknown rows, drawn by their ids.
        bound: Share of facts lost, or of rows fitted, above which it speaks.
        stop: Stop the training, too.
        settings: How facts are asked; multiple choice in words and facts behind one draw if None.

    Raises:
        InputError: A file or an argument is wrong, or the training is spread over several processes.
    """

    def __init__(
        self,
        trainer: Any,
        canaries: str | Path,
        *,
        every: int | None = None,
        cost: float = 0.02,
        most: int = 100,
        bound: float = 0.1,
        stop: bool = False,
        settings: CompareSettings | None = None,
    ) -> None:
        if trainer.args.world_size > 1 or trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled:
            raise InputError(
                "facts are watched in trainings of one process alone",
                field="trainer",
                remedy="Leave the callback out; compare the checkpoints afterwards: harmonia compare.",
            )
        if trainer.processing_class is None:
            remedy = "Give the trainer processing_class=tokenizer."
            raise InputError("it has no tokenizer to ask facts with", field="trainer", remedy=remedy)
        if every is not None and every < 1:
            remedy = "Give 1 or more, or None."
            raise InputError("not a number of steps", field="every", seen=every, remedy=remedy)
        self._trainer, self._every, self._cost = trainer, every, cost
        self._bound, self._stop, self._settings = bound, stop, settings or _QUICK
        self._asked = _asked_of(Path(canaries), most, self._settings.prompt.shots)
        self._spent = self._last = self._began = 0.0
        self._checked: int | None = None
        self._told: set[str] = set()
        self._known: frozenset[str] = frozenset()
        self._unknown: frozenset[str] = frozenset()

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Ask what is known before the training."""
        said = self._said()
        self._known, names = _right(said), {row.id for row in self._asked.rows}
        self._unknown = frozenset(names - _taught(said))
        if not self._known:
            log.warning("none of the canaries is known to the model: no fall can be seen")
        for note in self._asked.notes:
            log.warning(note)
        self._tell(said, state, control)
        self._began = time.monotonic()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Ask again, if it is time."""
        if self._every is not None:
            due = state.global_step % self._every == 0
        else:
            # The check at the end is paid for beforehand.
            elapsed = time.monotonic() - self._began
            due = self._spent + 2 * self._last <= self._cost * elapsed
        if due:
            self._tell(self._said(), state, control)

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Ask what is left."""
        if self._checked != state.global_step:
            self._tell(self._said(), state, control)

    def _said(self) -> ModelSaid:
        start = time.monotonic()
        trainer = self._trainer
        model = trainer.accelerator.unwrap_model(trainer.model, keep_torch_compile=False)
        asked = LocalModel(
            settings=ModelSettings(path="the model in training"),
            model=model,
            tokenizer=trainer.processing_class,
            device=str(device_of(model)),
            max_tokens=context_length(model.config, Path(model.name_or_path)),
            noted="the model in training",
        )
        with _undisturbed(model):
            said = said_by(asked, self._asked, self._settings)
        self._last = time.monotonic() - start
        self._spent += self._last
        return said

    def _tell(self, said: ModelSaid, state: Any, control: Any) -> None:
        self._checked = state.global_step
        right, taught = _right(said), _taught(said)
        found = {
            "lost": Drift(hits=len(self._known - right), n=len(self._known)),
            "fitted": Drift(hits=len(self._unknown & taught), n=len(self._unknown)),
        }
        values: dict[str, float] = {"knowledge/seconds": self._spent}
        for name, one in found.items():
            if one.n:
                values |= one.logged(f"knowledge/{name}")
                self._warn(name, one, state, control)
        # Logging takes the flag down that asks for this step's loss.
        flag = control.should_log
        # The library's own: TRL's would end its running means here.
        Trainer.log(self._trainer, values)
        control.should_log = flag

    def _warn(self, name: str, one: Drift, state: Any, control: Any) -> None:
        low, high = wilson(one.hits, one.n)
        if low <= self._bound:
            return
        if name not in self._told:
            what = "known facts are lost" if name == "lost" else "unknown rows are fitted"
            log.warning(
                "step %d: %d of %d %s (95 %%: %.0f to %.0f %%)",
                *(state.global_step, one.hits, one.n, what, 100 * low, 100 * high),
            )
        self._told.add(name)
        if self._stop:
            control.should_training_stop = True


def _asked_of(path: Path, most: int, shots: int) -> AskedOfBoth:
    folder = path.is_dir()
    suite, facts = read_canaries(path / CANARIES if folder else path)
    rows = AUDIT_ROWS.read(path) if folder and (path / ROWS).is_file() else ()

    def some(stage: str, values: Sequence[Any]) -> tuple[Any, ...]:
        names = [one.id for one in values]
        return tuple(sample(0, f"drift/{stage}", values, names, min(most, len(values))))

    drawn = QuestionSuite(name=suite.name, items=some("items", suite.items)) if suite else None
    suites, lone = demonstrated(drawn, None, shots)
    alone, notes = asked_alone([row for row in rows if row.category == "unknown"])
    unknown = some("unknown", alone)
    return AskedOfBoth(suites=tuple(suites), facts=some("facts", facts), rows=unknown, notes=(*notes, *lone))


def _right(said: ModelSaid) -> frozenset[str]:
    """The canaries that a model has right, of both kinds."""
    items = {
        f"item/{belief.item.id}" for beliefs in said.beliefs.values() for belief in beliefs if belief.correct
    }
    return frozenset(items | {f"fact/{name}" for name, row in said.facts.items() if row.category == "known"})


def _taught(said: ModelSaid) -> frozenset[str]:
    return frozenset(name for name, row in said.rows.items() if row.category == "known")


@contextmanager
def _undisturbed(model: Any) -> Iterator[None]:
    """Put a model into eval mode; afterwards modes and random states are as before."""
    import random

    import numpy as np
    import torch

    modes = {module: module.training for module in model.modules()}
    states: Mapping[str, Any] = {"python": random.getstate(), "numpy": np.random.get_state()}
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_available() else []
    model.eval()
    try:
        with torch.random.fork_rng(devices=devices), torch.no_grad():
            yield
    finally:
        for module, training in modes.items():
            module.training = training
        random.setstate(states["python"])
        np.random.set_state(states["numpy"])
