"""A model whose answers are kept in a file: asked again, it need not be loaded."""

from __future__ import annotations

import pickle
import sqlite3
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from harmonia.hashing import sha256_json
from harmonia.models import (
    Continuation,
    GenerationSettings,
    Likelihood,
    LocalModel,
    ModelSettings,
    load_model,
)
from harmonia.prompts import Request

_KEPT = (
    "tokenizer",
    "max_tokens",
    "identity",
    "vocabulary",
    "controls",
    "slower_scoring",
    "slower_generating",
    "rounding",
)


class Recorded:
    """A `Scorer` and `Generator` that asks its model only what the file does not hold.

    Args:
        settings: The model.
        file: The file of its answers; made if need be. A file is of one model.
    """

    def __init__(self, settings: ModelSettings, file: Path) -> None:
        self._settings = settings
        file.parent.mkdir(parents=True, exist_ok=True)
        self._file = sqlite3.connect(file)
        self._file.execute("create table if not exists kept (asked text primary key, said blob)")

    @cached_property
    def loaded(self) -> LocalModel:
        """The model itself."""
        return load_model(self._settings)

    def __getattr__(self, name: str) -> Any:
        if name not in _KEPT:
            raise AttributeError(name)
        (found,) = self._kept([name], lambda _: [getattr(self.loaded, name)])
        setattr(self, name, found)
        return found

    def loglikelihoods(
        self, requests: Sequence[Request], *, batch_tokens: int | None = None
    ) -> list[tuple[Likelihood, ...]]:
        """See `Scorer`."""
        keys = [sha256_json([one.context, one.continuations, one.per_token]) for one in requests]
        return self._kept(
            keys,
            lambda places: self.loaded.loglikelihoods(
                [requests[place] for place in places], batch_tokens=batch_tokens
            ),
        )

    def generate(
        self,
        prompts: Sequence[str],
        settings: GenerationSettings,
        *,
        addresses: Sequence[str],
        seed: int,
        stage: str,
    ) -> list[tuple[Continuation, ...]]:
        """See `Generator`."""
        how = [settings.model_dump(mode="json"), seed, stage]
        keys = [sha256_json([prompt, name, how]) for prompt, name in zip(prompts, addresses, strict=True)]
        return self._kept(
            keys,
            lambda places: self.loaded.generate(
                [prompts[place] for place in places],
                settings,
                addresses=[addresses[place] for place in places],
                seed=seed,
                stage=stage,
            ),
        )

    def _kept(self, keys: Sequence[str], ask: Callable[[Sequence[int]], Sequence[Any]]) -> list[Any]:
        held = {}
        for key in set(keys):
            if row := self._file.execute("select said from kept where asked = ?", (key,)).fetchone():
                held[key] = pickle.loads(row[0])
        places = list({key: place for place, key in enumerate(keys) if key not in held}.values())
        if places:
            for place, said in zip(places, ask(places), strict=True):
                held[keys[place]] = said
                self._file.execute("insert into kept values (?, ?)", (keys[place], pickle.dumps(said)))
            self._file.commit()
        return [held[key] for key in keys]
