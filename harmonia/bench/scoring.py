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
    loaded = subject.loaded
    requests = encode(loaded, items, subject.shots, settings, form)
    places = range(0, len(items), max(1, len(items) // baseline_questions))[:baseline_questions]
    few = [requests[place] for place in places]
    loaded.loglikelihoods(requests[:1])  # the model is tried out once
    # What the last turn of each found: they must have done the same work.
    theirs = one_by_one(loaded, few[:1], last_only=True)
    found_by_ours: list[tuple[Likelihood, ...]] = []
    cost = cost_of(loaded, requests)

    def ours() -> None:
        found_by_ours[:] = loaded.loglikelihoods(requests)

    def last() -> None:
        theirs[:] = one_by_one(loaded, few, last_only=True)

    works = {
        ALL: Work.of(lambda: one_by_one(loaded, few, last_only=False), per=len(few)),
        LAST: Work.of(last, per=len(few)),
        OURS: Work.of(ours, per=len(requests)),
        _PRODUCT: products(loaded, cost.tokens),
        _ENCODING: Work.of(lambda: encode(loaded, items, subject.shots, settings, form), per=len(requests)),
    }
    skipped: dict[str, str] = {}
    more: dict[str, float] = {}
    if harness:
        best = best_harness_work(
            loaded, [items[place] for place in places], ShotPool.of(subject.shots, settings), settings
        )
        if isinstance(best, str):
            skipped[BEST] = best
        else:
            more["batch size of (c)"], works[BEST] = best
    found, lacking = in_turn(works, repeats)
    off = [
        abs(a - b.sum)
        for one, place in zip(theirs, places, strict=False)
        for a, b in zip(one, found_by_ours[place], strict=True)
    ]
    limit = 1e3 * found[_PRODUCT] * cost.tokens / len(requests)
    return Timing(
        what=what,
        unit="ms a question",
        ours=1e3 * found[OURS],
        baselines=scaled(found, 1e3, but=(OURS, _PRODUCT, _ENCODING)),
        limits={LIMIT: limit, WHOLE: limit * (1 + cost.more / cost.products)},
        facts={
            "questions": len(requests),
            "questions of the baselines": len(few),
            "tokens a prompt": statistics.fmean(len(one.context) for one in requests),
            "tokens computed a question": cost.tokens / len(requests),
            "encoding, ms a question": 1e3 * found[_ENCODING],
            "matrix products, GFLOP/s": 1e-9 * flops_per_token(loaded.model) / found[_PRODUCT],
            "questions on the plain path": len(requests) if refusal(loaded.model) else 0,
            "largest difference to (b), nats": max(off),
            **more,
        },
        skipped={**skipped, **lacking},
        slower=loaded.slower_scoring,
    )
