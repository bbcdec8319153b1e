"""How beliefs are taken."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from harmonia.parsing import Settings
from harmonia.types import Normalisation

_EXECUTION: dict[str, Any] = {"execution": True}


class ProbeSettings(Settings):
    """How beliefs are taken, before and after.

    Attributes:
        normalisation: What a `cloze` log-likelihood is divided by.
        option_order: `given` asks with the options as the item has them; `random` draws
            an order by (seed, item, option text), the same however the item lists them.
        prior_share: Share of the items from which `letter_pride` takes the letters'
            prior; a sample per number of options, drawn by (seed, item).
        prior_fewest: Fewest items of that sample; all items where there are fewer.
        draws: How often each question is asked, each time with other demonstrations, where
            the form has any; a belief is the mean of them. An experiment asks its suites once.
        steady: Agreement between draws from which a belief is steady.
        confident: Confidence that a wrong, steady belief must exceed to be `conflicting`.
        seed: Seed of the order and of the prior's sample.
        keep_prompts: Keep every scored text in the belief files.
        batch_tokens: Tokens in one forward pass; a size that the memory holds if null.
    """

    normalisation: Normalisation = "raw"
    option_order: Literal["given", "random"] = "given"
    prior_share: float = Field(default=0.05, gt=0, le=1)
    prior_fewest: int = Field(default=20, ge=1)
    draws: int = Field(default=1, ge=1, le=100)
    steady: float = Field(default=0.8, ge=0, le=1)
    confident: float = Field(default=0.5, ge=0, le=1)
    seed: int = 0
    keep_prompts: bool = False
    batch_tokens: int | None = Field(default=None, ge=1, json_schema_extra=_EXECUTION)
