"""Options that share their question: the context is computed once, the options on top of its cache.

Four options of an exam question behind five demonstrations would otherwise compute the
same few hundred tokens four times.
"""

from __future__ import annotations

from typing import Any

from harmonia.scoring.encode import Request
from harmonia.scoring.models import LoadedModel, keeps_logits


def shared_loglikelihoods(loaded: LoadedModel, request: Request) -> tuple[float, ...] | None:
    """Log-likelihood in nats of each continuation, from one pass over the context.

    Returns:
        One sum per continuation; None where the model's cache is not of a kind that
        can be repeated for several rows, and the caller has to take the plain path.
    """
    import torch
    from transformers import DynamicCache
    from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

    with torch.inference_mode():
        context = torch.tensor([request.context], device=loaded.device)
        first = loaded.model(input_ids=context, use_cache=True, **_last_only(loaded.model))
        cache = first.past_key_values
        if not isinstance(cache, DynamicCache) or any(
            type(layer) not in (DynamicLayer, DynamicSlidingWindowLayer) for layer in cache.layers
        ):
            return None
        opening = torch.log_softmax(first.logits[0, -1].float(), dim=-1)  # (vocab,)
        sums = [opening[ids[0]] for ids in request.continuations]
        width = max(len(ids) for ids in request.continuations) - 1
        if width:
            rest = _rest(loaded, request, cache, width)
            sums = [one + two for one, two in zip(sums, rest, strict=True)]
        return tuple(float(value) for value in torch.stack(sums).double().cpu())


def _last_only(model: Any) -> dict[str, int]:
    return {"logits_to_keep": 1} if keeps_logits(model) else {}


def _rest(loaded: LoadedModel, request: Request, cache: Any, width: int) -> Any:
    """Summed log-probability of each continuation's tokens after its first, shape (options,)."""
    import torch

    count = len(request.continuations)
    # Padded on the right: a causal model reads no later token, so the padding needs no mask.
    ids = torch.zeros(count, width, dtype=torch.long)
    targets = torch.zeros(count, width, dtype=torch.long)
    real = torch.zeros(count, width, dtype=torch.bool)
    for line, tokens in enumerate(request.continuations):
        ids[line, : len(tokens) - 1] = torch.tensor(tokens[:-1], dtype=torch.long)
        targets[line, : len(tokens) - 1] = torch.tensor(tokens[1:], dtype=torch.long)
        real[line, : len(tokens) - 1] = True
    cache.batch_repeat_interleave(count)
    logits = loaded.model(input_ids=ids.to(loaded.device), past_key_values=cache, use_cache=True).logits
    logprobs = torch.log_softmax(logits.float(), dim=-1)  # (options, width, vocab)
    chosen = logprobs.gather(2, targets.to(loaded.device)[:, :, None])[:, :, 0]
    return (chosen * real.to(loaded.device)).sum(dim=1)
