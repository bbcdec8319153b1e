"""Items -> beliefs: render, fit, score, in chunks that a restart can take up.

The same code asks before and after fine-tuning; only the checkpoint and, declared, the
form differ.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from harmonia.errors import HarmoniaError, InputError
from harmonia.probe.belief import belief_of
from harmonia.prompts import Form, ShotPool, Template
from harmonia.scoring import Encoder, Fitted, LoadedModel, fit_prompt, loglikelihoods
from harmonia.types import Belief, Item, Normalisation, Scores

CHUNK = 256
"""Items scored together. Fixed, so that batches fall alike in a run and in its resume."""

Progress = Callable[[int, int], None]
"""Called with (items done, items in all)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The beliefs of one pass over some items.

    Attributes:
        beliefs: One per item, in order.
        shortened: Items asked with fewer demonstrations than the form names, because the
            model's context or the pool holds no more.
    """

    beliefs: tuple[Belief, ...]
    shortened: int


def ask(
    loaded: LoadedModel,
    items: Sequence[Item],
    form: Form,
    template: Template,
    *,
    pool: ShotPool | None = None,
    normalisation: Normalisation = "raw",
    keep_prompts: bool = False,
    batch_size: int = 8,
    journal: Path | None = None,
    progress: Progress | None = None,
) -> Asked:
    """Ask a model every item.

    Args:
        loaded: The model.
        items: What to ask.
        form: How to ask.
        template: Renders the prompts.
        pool: Demonstrations; needed for `icl<k>` with k above 0.
        normalisation: Unit of length for `cloze`.
        keep_prompts: Keep the scored texts.
        batch_size: Rows in one forward pass; does not change the result.
        journal: Where finished chunks are noted, to be taken up after an interruption;
            the caller removes it when the result is safe.
        progress: Told how far it is.

    Raises:
        InputError: No demonstrations where some are needed, an item too long for the
            model, or an answer that cannot be told apart in tokens.
        HarmoniaError: The model answers with something that is not a number.
    """
    if form.shots and pool is None:
        raise InputError(
            f"form {form} needs demonstrations", field="shots", remedy="Give a file of them (--shots-from)."
        )
    encoder = Encoder(loaded.tokenizer)
    done = _read_journal(journal)
    beliefs: list[Belief] = []
    for start, chunk in _chunks(items):
        scores = done.get(start)
        if scores is None:
            shots = [pool.choose(item, form.shots) if pool else () for item in chunk]
            fitted = [
                fit_prompt(item, form, chosen, template, encoder, loaded.max_tokens)
                for item, chosen in zip(chunk, shots, strict=True)
            ]
            scores = _score(loaded, fitted, batch_size)
            _note(journal, start, scores)
        beliefs += [
            belief_of(
                item,
                score,
                form=str(form),
                method=template.exam.method,
                normalisation=normalisation,
                keep_prompt=keep_prompts,
            )
            for item, score in zip(chunk, scores, strict=True)
        ]
        if progress:
            progress(len(beliefs), len(items))
    return Asked(beliefs=tuple(beliefs), shortened=sum((b.shots or 0) < form.shots for b in beliefs))


def _chunks(items: Sequence[Item]) -> Iterator[tuple[int, Sequence[Item]]]:
    for start in range(0, len(items), CHUNK):
        yield start, items[start : start + CHUNK]


def _score(loaded: LoadedModel, fitted: Sequence[Fitted], batch_size: int) -> list[Scores]:
    logprobs = loglikelihoods(loaded, [one.request for one in fitted], batch_size=batch_size)
    for one, values in zip(fitted, logprobs, strict=True):
        if any(map(math.isnan, values)) or max(values) == -math.inf:
            raise HarmoniaError(
                f"the model's likelihoods for item {one.prompt.item_id} are not a number: {values}. "
                "Ask with dtype: float32 or bfloat16, or check the model's weights."
            )
    return [
        Scores(
            item_id=one.prompt.item_id,
            logprobs=values,
            n_tokens=tuple(len(ids) for ids in one.request.continuations),
            n_chars=tuple(len(text.strip()) for text in one.prompt.continuations),
            shots=one.prompt.shots,
            context=one.prompt.context,
        )
        for one, values in zip(fitted, logprobs, strict=True)
    ]


def _note(journal: Path | None, start: int, scores: Sequence[Scores]) -> None:
    if journal is None:
        return
    journal.parent.mkdir(parents=True, exist_ok=True)
    with journal.open("a", encoding="utf-8") as handle:
        handle.write(json.dumps({"start": start, "scores": [asdict(score) for score in scores]}) + "\n")


def _read_journal(journal: Path | None) -> dict[int, list[Scores]]:
    """Chunks noted before an interruption; a last line cut short is left out."""
    if journal is None or not journal.exists():
        return {}
    done: dict[int, list[Scores]] = {}
    *whole, _ = journal.read_text(encoding="utf-8").split("\n")
    for line in whole:
        entry = json.loads(line)
        done[entry["start"]] = [_scores(values) for values in entry["scores"]]
    # Drop the cut line, so that the next note does not grow onto it.
    journal.write_text("".join(f"{line}\n" for line in whole), encoding="utf-8")
    return done


def _scores(values: dict[str, Any]) -> Scores:
    lists: dict[str, Any] = {name: tuple(values[name]) for name in ("logprobs", "n_tokens", "n_chars")}
    return Scores(**{**values, **lists})
