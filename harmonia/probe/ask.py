"""Items -> beliefs: render, fit, score, in chunks that a restart can take up.

The same code asks before and after fine-tuning; only the checkpoint and, declared, the
form differ.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import product
from typing import Any, NamedTuple

from harmonia.data.other_options import OWN_ORDER, speak_of_others
from harmonia.errors import HarmoniaError, InputError
from harmonia.journal import Chunks
from harmonia.models import Likelihood, Scorer
from harmonia.probe.belief import Asking, DrawResult, belief_from
from harmonia.probe.debias import LetterPrior, divide_out, letter_priors, mean_over_orders, prior_sample
from harmonia.probe.orders import Order, cyclic_orders, given_order, random_order, reordered
from harmonia.probe.settings import ProbeSettings
from harmonia.probe.views import View, view_of
from harmonia.prompts import (
    Encoder,
    Fitted,
    Form,
    ShotPool,
    Spelled,
    Template,
    fit_prompt,
    parse_form,
    plain_text,
)
from harmonia.types import Belief, Item, Scores

CHUNK = 256
"""Items scored together."""


class AskedCounts(NamedTuple):
    """Of how many items something is to be told; see `Asked`. Those of several passes can be summed."""

    items: int = 0
    shortened: int = 0
    fixed: int = 0
    undivided: int = 0
    tied: int = 0
    borderline: int = 0
    bounded: int = 0

    def notes(self, shots: int) -> list[str]:
        """What a person should know of it, a sentence each; `shots` is what was asked for."""
        notes = []
        if self.shortened:
            notes.append(f"items asked with fewer than {shots} shots: {self.shortened} of {self.items}")
        if self.fixed:
            notes.append(f"items asked in their own order only: {self.fixed} of {self.items}; {OWN_ORDER}")
        if self.undivided:
            notes.append(
                f"of them without a letter prior, as no other item has as many options: {self.undivided}"
            )
        if self.tied:
            few = f"{self.tied} of {self.items}"
            notes.append(f"items whose options are all equally likely, answered by the first: {few}")
        if self.borderline:
            few = f"{self.borderline} of {self.items}"
            notes.append(f"borderline beliefs, whose answer or level rounding could change: {few}")
        if self.bounded:
            notes.append(
                f"items with a letter that the server did not list: {self.bounded} of {self.items}; "
                "its probability is bounded (unlisted_mass), not known"
            )
        return notes


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The beliefs of one pass over some items.

    Attributes:
        beliefs: One per item, in order.
        shortened: Items asked with fewer demonstrations than the form names, because the
            model's context or the pool holds no more.
        slower: What the model was asked without, and why.
        priors: The letters' priors that `letter_pride` divided out.
        fixed: Items asked in their own order only, though the method or the settings have
            others: their options speak of other options.
        undivided: Of those, items that no prior was divided out of, because none was
            measured on items of as many options.
        spelled: Items and demonstrations whose texts spell control tokens.
    """

    beliefs: tuple[Belief, ...]
    shortened: int
    slower: tuple[str, ...] = field(default=(), compare=False)
    priors: tuple[LetterPrior, ...] = ()
    fixed: int = 0
    undivided: int = 0
    spelled: Spelled

    @property
    def about(self) -> dict[str, Any]:
        """What a belief file's metadata say of the asking."""
        first = self.beliefs[0] if self.beliefs else None
        return {
            "preset": first and first.preset,
            "method": first and first.method,
            "draws": first and first.draws,
            "shortened": self.shortened,
            "letter_priors": [asdict(prior) for prior in self.priors],
            "in_own_order": self.fixed,
            "undivided": self.undivided,
            "control_tokens": asdict(self.spelled),
        }

    @property
    def counts(self) -> AskedCounts:
        """Of how many items something is to be told."""
        tied = sum(len(set(belief.probs)) == 1 for belief in self.beliefs)
        near = sum(bool(belief.borderline) for belief in self.beliefs)
        bounded = sum(belief.unlisted_mass is not None for belief in self.beliefs)
        return AskedCounts(len(self.beliefs), self.shortened, self.fixed, self.undivided, tied, near, bounded)

    @property
    def notes(self) -> list[str]:
        """What a person should know of how it was asked, a sentence each."""
        spelled = [self.spelled.note("questions and demonstrations")] if self.spelled.rows else []
        shots = parse_form(self.beliefs[0].form).shots if self.beliefs else 0
        return [*spelled, *self.counts.notes(shots), *self.slower]


def ask(
    model: Scorer,
    items: Sequence[Item],
    form: Form,
    template: Template,
    *,
    settings: ProbeSettings | None = None,
    pool: ShotPool | None = None,
    fitted: FittedPrompts | None = None,
    chunks: Chunks | None = None,
) -> Asked:
    """Ask a model every item, by the template's method and preset.

    What an item is asked depends on no other item, on no chunk and on no interruption. Of all the
    items given some measure the prior of `letter_pride`. What the model answers
    depends on what it calculates together, by no more than its `rounding`; a belief that this could
    change is `borderline`.

    Demonstrations are needed for `icl<k>` with k above 0. `fitted` keeps the prompts for other models
    asked the same. `chunks` has the journal of finished chunks, to be taken up after an interruption; the
    caller removes it when the result is safe. In its progress an item counts once per draw.

    Raises:
        InputError: No demonstrations where some are needed, an item too long for the
            model, or an answer that cannot be told apart in tokens.
        HarmoniaError: The model answers with something that is not a number.
    """
    settings = settings or ProbeSettings()
    asker = _Asker(model, form, template, settings, pool, fitted)
    results, priors = asker.draws(items, chunks or Chunks())
    asking = Asking(form=str(form), method=template.method, preset=template.preset, rounding=model.rounding)
    beliefs = tuple(
        belief_from(item, draws_of_item, asking, settings)
        for item, draws_of_item in zip(items, results, strict=True)
    )
    fixed = [item for item in items if _reorders(template, settings) and speak_of_others(item.choices)]
    divided = {len(prior.probs) for prior in priors}
    return Asked(
        beliefs=beliefs,
        shortened=sum((belief.shots or 0) < form.shots for belief in beliefs),
        slower=model.slower_scoring if items else (),
        priors=tuple(priors),
        spelled=template.spelled([*items, *(pool.items if pool and form.shots else ())]),
        fixed=len(fixed),
        undivided=sum(
            template.method == "letter_pride" and len(item.choices) not in divided for item in fixed
        ),
    )


def chunks_of(items: Sequence[Item], form: Form, settings: ProbeSettings) -> list[tuple[int, int]]:
    """(draw, place of its first item) of each chunk that `ask` scores, in order."""
    return list(product(range(settings.draws if form.shots else 1), range(0, len(items), CHUNK)))


def ask_chunks(
    model: Scorer,
    items: Sequence[Item],
    form: Form,
    template: Template,
    *,
    settings: ProbeSettings,
    pool: ShotPool | None,
    fitted: FittedPrompts | None,
    chunks: Chunks,
) -> None:
    """Score those chunks of what `ask` would score that `chunks` is for, and which notes what was found.

    `ask` then takes them up, and scores what is left.

    Raises:
        InputError, HarmoniaError: As `ask` does.
    """
    _Asker(model, form, template, settings, pool, fitted).score(items, chunks)


def _reorders(template: Template, settings: ProbeSettings) -> bool:
    """Whether the prompts show options in other orders than the items'."""
    return template.method in ("letter_cyclic", "letter_pride") or (
        template.method == "letter" and settings.option_order == "random"
    )


def _orders(
    item: Item, template: Template, settings: ProbeSettings, sample: frozenset[str]
) -> tuple[Order, ...]:
    """The orders of an item's options that the method asks it in."""
    if template.method == "cloze" or speak_of_others(item.choices):
        return (given_order(item),)  # the prompt shows no options, or they are right in no other order
    first = random_order(item, settings.seed) if settings.option_order == "random" else given_order(item)
    return cyclic_orders(first) if template.method == "letter_cyclic" or item.id in sample else (first,)


class FittedPrompts:
    """Prompts as token ids, kept for the next model that is asked the same items in the same way.

    It is for one tokenizer, template, form, pool and list of items. Ids are shared among
    prompts, so that a token of theirs takes no more than a reference.
    """

    def __init__(self) -> None:
        self._fitted: dict[tuple[int, str], list[Fitted]] = {}
        self._ids: dict[int, int] = {}

    def get(self, draw: int, item: str, fit: Callable[[], list[Fitted]]) -> list[Fitted]:
        """The prompts of an item under a draw of demonstrations, fitted the first time."""
        if (draw, item) not in self._fitted:
            self._fitted[draw, item] = [self._shared(one) for one in fit()]
        return self._fitted[draw, item]

    def _shared(self, one: Fitted) -> Fitted:
        ids = one.request.context
        return replace(one, request=replace(one.request, context=tuple(map(self._ids.setdefault, ids, ids))))


class _NoNumberError(HarmoniaError):
    """The model answers with something that is not a number."""


class _Asker:
    """Asks items in one form."""

    def __init__(
        self,
        model: Scorer,
        form: Form,
        template: Template,
        settings: ProbeSettings,
        pool: ShotPool | None,
        fitted: FittedPrompts | None,
    ) -> None:
        form.require_shots(pool)
        if template.method == "letter_pride" and not model.tells_each:
            raise InputError(
                "the letters' prior needs the probability of every letter, and the server tells the "
                "likeliest tokens alone",
                field="prompt.method",
                seen=template.method,
                remedy="Ask by letter_cyclic or letter.",
            )
        self._encoder = Encoder(model.tokenizer)
        self._model, self._form, self._template = model, form, template
        self._settings, self._pool, self._kept = settings, pool, fitted
        self._draws = settings.draws if form.shots else 1  # without demonstrations all draws are one

    def _sample(self, items: Sequence[Item]) -> frozenset[str]:
        """The items that measure the letters' prior."""
        return prior_sample(items, self._settings) if self._template.method == "letter_pride" else frozenset()

    def score(self, items: Sequence[Item], chunks: Chunks) -> None:
        """Score the chunks."""
        sample = self._sample(items)
        for draw in range(self._draws):
            self._views_of(items, sample, draw, chunks)

    def _views_of(
        self, items: Sequence[Item], sample: frozenset[str], draw: int, chunks: Chunks
    ) -> list[tuple[View, ...]]:
        """What one draw of demonstrations gave of the items in the chunks."""

        def scored(_: int, chunk: Sequence[Item]) -> list[tuple[View, ...]]:
            orders = [_orders(item, self._template, self._settings, sample) for item in chunk]
            return self.views(chunk, orders, draw)

        return chunks.results(scored, items, CHUNK, tuple[View, ...], draw=draw, draws=self._draws)

    def draws(
        self, items: Sequence[Item], chunks: Chunks
    ) -> tuple[list[list[DrawResult]], list[LetterPrior]]:
        """Per item what each draw of demonstrations gave, and the priors measured on the sample."""
        sample = self._sample(items)
        results: list[list[DrawResult]] = [[] for _ in items]
        priors: list[LetterPrior] = []
        for draw in range(self._draws):
            views = self._views_of(items, sample, draw, chunks)
            measured = letter_priors(items, views, sample, draw)
            priors += measured.values()
            for item, seen, place in zip(items, views, results, strict=True):
                prior = None if item.id in sample else measured.get(len(item.choices))
                probs = divide_out(seen[0], prior) if prior else mean_over_orders(seen)
                place.append(DrawResult(views=seen, probs=probs))
        return results, priors

    def views(
        self, items: Sequence[Item], orders: Sequence[Sequence[Order]], draw: int
    ) -> list[tuple[View, ...]]:
        """Per item a view for each of its orders; all prompts are scored in one go."""
        try:
            return self._scored(items, orders, draw)
        except _NoNumberError:
            # Calculated together, one item's can show in another's: whose it is is told.
            for item, ways in zip(items, orders, strict=True):
                self._scored([item], [ways], draw)
            raise

    def _scored(
        self, items: Sequence[Item], orders: Sequence[Sequence[Order]], draw: int
    ) -> list[tuple[View, ...]]:
        fitted = [self._fitted(item, ways, draw) for item, ways in zip(items, orders, strict=True)]
        requests = [one.request for prompts in fitted for one in prompts]
        found = iter(self._model.loglikelihoods(requests, batch_tokens=self._settings.batch_tokens))
        return [
            tuple(self._view(one, next(found), order) for one, order in zip(prompts, ways, strict=True))
            for prompts, ways in zip(fitted, orders, strict=True)
        ]

    def _fitted(self, item: Item, orders: Sequence[Order], draw: int) -> list[Fitted]:
        if self._kept is None:
            return self._fit(item, orders, draw)
        return self._kept.get(draw, item.id, lambda: self._fit(item, orders, draw))

    def _fit(self, item: Item, orders: Sequence[Order], draw: int) -> list[Fitted]:
        shots = self._pool.choose(item, self._form.shots, draw) if self._pool else ()
        form, template, limit = self._form, self._template, self._model.max_tokens
        return [
            fit_prompt(reordered(item, order), form, shots, template, self._encoder, limit)
            for order in orders
        ]

    def _view(self, one: Fitted, found: tuple[Likelihood, ...], order: Order) -> View:
        logprobs = tuple(option.sum for option in found)
        at_most = tuple(option.at_most for option in found if option.at_most is not None)
        if len(at_most) == len(found):
            raise HarmoniaError(
                f"item {one.prompt.item_id}: the server lists none of its letters among the likeliest "
                "tokens, so that nothing is known of it. Have it list more (docs/served.md)."
            )
        known = [value for value, option in zip(logprobs, found, strict=True) if option.at_most is None]
        if any(map(math.isnan, known)) or max(known) == -math.inf:
            raise _NoNumberError(
                f"the model's likelihoods for item {one.prompt.item_id} are not a number: {logprobs}. "
                "Ask with dtype: float32 or bfloat16, or check the model's weights."
            )
        scores = Scores(
            item_id=one.prompt.item_id,
            logprobs=logprobs,
            n_tokens=tuple(len(ids) for ids in one.request.continuations),
            n_chars=tuple(len(plain_text(text).strip()) for text in one.prompt.continuations),
            shots=one.prompt.shots,
            context=plain_text(one.prompt.context),
            at_most=at_most,
        )
        return view_of(
            scores,
            order,
            style=self._template.exam.method,
            normalisation=self._settings.normalisation,
            keep_prompt=self._settings.keep_prompts,
        )
