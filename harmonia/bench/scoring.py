"""Asking questions: ours, one row a pass, lm-evaluation-harness, and the limit."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from harmonia.bench.harness import BEST, best_harness_work
from harmonia.bench.limit import cost_of, flops_per_token, products
from harmonia.bench.subject import Subject
from harmonia.bench.turns import OURS, Timing, Work, in_turn, scaled
from harmonia.models import Likelihood, LocalModel
from harmonia.models.architecture import keeps_logits
from harmonia.models.support import refusal
from harmonia.prompts import Encoder, Form, PromptSettings, Request, ShotPool, build_template, fit_prompt
from harmonia.types import Item

ALL, LAST = "(a) one row a pass, all logits", "(b) one row a pass, last logits"
LIMIT, WHOLE = "limit: matrix products", "limit with attention and head"
_PRODUCT, _ENCODING = "product", "encoding"


def one_by_one(
    loaded: LocalModel, requests: Sequence[Request], *, last_only: bool
) -> list[tuple[float, ...]]:
    """Baselines (a) and (b): a whole row per forward pass, one for each option that is a text.

    (b) is `last_only`: logits are computed where a continuation is read, not everywhere.

    Returns:
        Log-likelihood in nats of each continuation of each request.
    """
    import torch

    found = []
    last_only = last_only and keeps_logits(loaded.model)
    with torch.inference_mode():
        for request in requests:
            letters = all(len(ids) == 1 for ids in request.continuations)
            # Letters are all read after the same row.
            tails = [()] if letters else [ids[:-1] for ids in request.continuations]
            logprobs = []
            for tail in tails:
                keep = {"logits_to_keep": len(tail) + 1} if last_only else {}
                row = torch.tensor([request.context + tail], device=loaded.device)
                logits = loaded.model(input_ids=row, use_cache=False, **keep).logits
                logprobs.append(torch.log_softmax(logits[0, -len(tail) - 1 :].float(), dim=-1).cpu())
            read = logprobs * len(request.continuations) if letters else logprobs
            found.append(
                tuple(
                    float(values[range(len(ids)), ids].double().sum())
                    for values, ids in zip(read, request.continuations, strict=True)
                )
            )
    return found


def encode(
    loaded: LocalModel, items: Sequence[Item], shots: Sequence[Item], settings: PromptSettings, form: Form
) -> list[Request]:
    """Requests of some items, as the probe makes them."""
    template, encoder = build_template(settings, loaded.tokenizer), Encoder(loaded.tokenizer)
    pool = ShotPool.of(shots, settings)
    chosen = [pool.choose(item, form.shots) if form.shots else () for item in items]
    return [
        fit_prompt(item, form, shown, template, encoder, loaded.max_tokens).request
        for item, shown in zip(items, chosen, strict=True)
    ]


class _Asking:
    """One way of asking, and what the last turns of ours and of (b) found: they must do the same work."""

    def __init__(
        self, subject: Subject, items: Sequence[Item], settings: PromptSettings, form: Form, count: int
    ) -> None:
        self.subject, self.items, self.settings, self.form = subject, items, settings, form
        self.requests = self.encode()
        self.places = range(0, len(items), max(1, len(items) // count))[:count]
        self.few = [self.requests[place] for place in self.places]
        self.cost = cost_of(subject.loaded, self.requests)
        subject.loaded.loglikelihoods(self.requests[:1])  # the model is tried out once
        one_by_one(subject.loaded, self.few[:1], last_only=True)
        self.found: list[tuple[Likelihood, ...]] = []
        self.theirs: list[tuple[float, ...]] = []

    def encode(self) -> list[Request]:
        return encode(self.subject.loaded, self.items, self.subject.shots, self.settings, self.form)

    def ours(self) -> None:
        self.found = self.subject.loaded.loglikelihoods(self.requests)

    def last(self) -> None:
        self.theirs = one_by_one(self.subject.loaded, self.few, last_only=True)

    def works(self) -> dict[str, Work]:
        loaded, few = self.subject.loaded, len(self.few)
        return {
            ALL: Work.of(lambda: one_by_one(loaded, self.few, last_only=False), per=few),
            LAST: Work.of(self.last, per=few),
            OURS: Work.of(self.ours, per=len(self.requests)),
            _PRODUCT: products(loaded, self.cost.tokens),
            _ENCODING: Work.of(self.encode, per=len(self.requests)),
        }

    def harness(self) -> tuple[int, Work] | str:
        few, pool = (
            [self.items[place] for place in self.places],
            ShotPool.of(self.subject.shots, self.settings),
        )
        return best_harness_work(self.subject.loaded, few, pool, self.settings)

    def largest_difference(self) -> float:
        pairs = zip(self.theirs, (self.found[place] for place in self.places), strict=True)
        return max(abs(a - b.sum) for one, other in pairs for a, b in zip(one, other, strict=True))


def measure_scoring(
    what: str,
    subject: Subject,
    items: Sequence[Item],
    settings: PromptSettings,
    form: Form,
    *,
    baseline_questions: int,
    repeats: int,
    harness: bool = False,
) -> Timing:
    """Measure one way of asking, in milliseconds a question.

    The baselines are asked `baseline_questions` of the items, evenly spread. `harness` lets
    lm-evaluation-harness take part, as baseline (c).
    """
    asking = _Asking(subject, items, settings, form, baseline_questions)
    works, count, cost = asking.works(), len(asking.requests), asking.cost
    skipped: dict[str, str] = {}
    more: dict[str, float] = {}
    if harness:
        best = asking.harness()
        if isinstance(best, str):
            skipped[BEST] = best
        else:
            more["batch size of (c)"], works[BEST] = best
    found, lacking = in_turn(works, repeats)
    limit = 1e3 * found[_PRODUCT] * cost.tokens / count
    return Timing(
        what=what,
        unit="ms a question",
        ours=1e3 * found[OURS],
        baselines=scaled(found, 1e3, but=(OURS, _PRODUCT, _ENCODING)),
        limits={LIMIT: limit, WHOLE: limit * (1 + cost.more / cost.products)},
        facts={
            "questions": count,
            "questions of the baselines": len(asking.few),
            "tokens a prompt": statistics.fmean(len(one.context) for one in asking.requests),
            "tokens computed a question": cost.tokens / count,
            "encoding, ms a question": 1e3 * found[_ENCODING],
            "matrix products, GFLOP/s": 1e-9 * flops_per_token(subject.loaded.model) / found[_PRODUCT],
            "questions on the plain path": count if refusal(subject.loaded.model) else 0,
            "largest difference to (b), nats": asking.largest_difference(),
            **more,
        },
        skipped={**skipped, **lacking},
        slower=subject.loaded.slower_scoring,
    )
