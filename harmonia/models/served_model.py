"""A model behind a completions server, asked like a local one."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from harmonia.errors import HarmoniaError, InputError
from harmonia.hashing import sha256_json
from harmonia.models.abilities import FIXED, SAME_NATS, Abilities, find_abilities, find_form
from harmonia.models.client import RefusedError, ServerClient
from harmonia.models.completions import Completions, Token, ToldToken
from harmonia.models.folder import ModelSettings
from harmonia.models.load import load_tokenizer
from harmonia.models.protocols import ROUNDING, Continuation, GenerationSettings, Likelihood, TokenReading
from harmonia.models.served import written
from harmonia.models.server import ServedModelSettings
from harmonia.models.server_tokenizer import NoTokenizerError, ServerTokenizer
from harmonia.prompts.controls import Controls
from harmonia.prompts.encode import Encoder, Request

_FEW = 32
"""Tokens at one place that are asked for one by one, where the server's list does not have them."""
_FIRST = 5
"""Likeliest tokens that are held against those of the fixed texts before."""


class ServedModel:
    """A model behind a completions server: a `Scorer` and a `Generator`.

    The server is asked what it can do when it is first needed. Log-probabilities are its own.

    Args:
        settings: Where it is.

    Raises:
        InputError: The environment variable of the key is not set, or holds no key.
        MissingExtraError: httpx is not installed.
    """

    rounding = ROUNDING["bfloat16"]
    """A server does not say in what it calculates."""
    slower_generating: tuple[str, ...] = ()
    """How the server writes is its own affair."""

    def __init__(self, settings: ServedModelSettings) -> None:
        self.settings = settings
        self._client = ServerClient(settings.served, settings, "model", "served")
        self._same = True

    @cached_property
    def tokenizer(self) -> Any:
        """The tokenizer that the settings name, or the server's own.

        Raises:
            InputError: Neither is there.
        """
        if self.settings.tokenizer is None:
            return ServerTokenizer(self._client, self._named, self._about)
        path = Path(self.settings.tokenizer)
        gguf = path.suffix == ".gguf"
        folder = str(path.parent) if gguf else self.settings.tokenizer
        return load_tokenizer(ModelSettings(path=folder, gguf_file=path.name if gguf else None))

    @property
    def max_tokens(self) -> int:
        """Tokens of a prompt: the server's context but for the one token that each request asks for."""
        told = self.settings.max_tokens or self._about.get("n_ctx") or self._about.get("max_model_len")
        if not isinstance(told, int):
            problem = "the server does not tell how long its context is"
            raise InputError(problem, field="model.max_tokens", remedy="Give its length in tokens.")
        return told - 1

    @property
    def vocabulary(self) -> int:
        """Token ids of the model are below this number.

        Raises:
            InputError: Neither the server nor a tokenizer tells it.
        """
        if self._vocabulary is None:
            problem = "the server does not tell how many tokens its vocabulary has"
            raise InputError(problem, field="model.tokenizer", remedy="Name the model's tokenizer.")
        return self._vocabulary

    @cached_property
    def _vocabulary(self) -> int | None:
        told = self._about.get("n_vocab")
        if isinstance(told, int):
            return told
        return None if self.settings.tokenizer is None else len(self.tokenizer)

    @cached_property
    def identity(self) -> str:
        """Hash of its name, the server's build, and its likeliest answers to fixed prompts; see `Scorer`."""
        shown = ("build_info", "version", "system_fingerprint", "n_vocab", "n_params", "size", "ftype")
        return sha256_json(
            {
                "name": self._named["model"],
                "server": {name: self._about.get(name) for name in shown},
                "tokens": self._fixed,
                "answers": [max(one, key=one.__getitem__) for one in self._answers],
            }
        )

    @cached_property
    def controls(self) -> Controls | None:
        """The tokenizer's control tokens; None where there is no tokenizer."""
        return Controls(self.tokenizer) if self._has_tokenizer else None

    @property
    def tells_each(self) -> bool:
        """Whether the server tells the log-probability of any token; see `Scorer`."""
        return self._abilities.tells_each or self._tells_all

    @property
    def slower_scoring(self) -> tuple[str, ...]:
        """What it is asked without, and why, a sentence each."""
        if self._abilities.tells_each or self._tells_all:
            return ()
        return (f"the server tells the {self._abilities.listed} likeliest tokens of a place, and no other",)

    def loglikelihoods(
        self, requests: Sequence[Request], *, batch_tokens: int | None = None
    ) -> list[tuple[Likelihood, ...]]:
        """Likelihood of each continuation of each request, as the server tells it; see `Scorer`.

        Raises:
            InputError: It cannot tell what is asked, which is said before anything is asked.
            HarmoniaError: It keeps failing, or answers to fixed prompts as it did not before.
        """
        if not requests:
            return []
        self._require_can(requests)
        if not self._same:  # nothing that follows is asked of the other model
            self._require_same()
        found = self._client.each(self._scored, requests)
        self._require_same()
        return found

    def generate(
        self,
        prompts: Sequence[str],
        settings: GenerationSettings,
        *,
        addresses: Sequence[str],
        seed: int,
        stage: str,
    ) -> list[tuple[Continuation, ...]]:
        """Continue each prompt, as token ids where there is a tokenizer; see `Generator`.

        Raises:
            InputError: The server cannot be reached, or refuses the request.
            HarmoniaError: It keeps failing, or answers something else than a completion.
        """
        how: dict[str, Any] = {"seed": seed, "stage": stage}
        if not self._has_tokenizer:
            return written(self._client, self._named, prompts, settings, addresses=addresses, **how)
        rows = self._encoder.encode(prompts)
        room = [self.max_tokens + 1 - len(ids) for ids in rows]
        asked = [place for place, left in enumerate(room) if left > 0]
        found = written(
            self._client,
            self._server.named,
            [self._server.prompt(rows[place]) for place in asked],
            settings,
            addresses=[addresses[place] for place in asked],
            most=[room[place] for place in asked],
            **how,
        )
        full = (Continuation(text="", tokens=(), ended="no room"),) * settings.samples
        by_place = dict(zip(asked, found, strict=True))
        return [by_place.get(place, full) for place in range(len(prompts))]

    @cached_property
    def _about(self) -> dict[str, Any]:
        """What the server says of itself and the model, at the places that servers have for it."""
        client = self._client
        props, version = client.get(f"{client.root}/props"), client.get(f"{client.root}/version")
        held = client.get(f"{client.url}/models").get("data")
        models = [one for one in held if isinstance(one, dict)] if isinstance(held, list) else []
        name = self.settings.name
        # llama.cpp holds one model, whatever name it is asked by.
        named = [one for one in models if name in (one.get("id"), *(one.get("aliases") or ()))] or models
        if name is None and len(models) != 1:
            ids = ", ".join(str(one.get("id")) for one in models) or "none that it names"
            problem = f"the server has several models, or does not say which ({ids})"
            raise InputError(problem, field="model.name", remedy="Name one (model.name=NAME).")
        one = named[0] if len(named) == 1 else {}
        meta = one.get("meta")
        slot = props.get("default_generation_settings")
        context = slot.get("n_ctx") if isinstance(slot, dict) else None
        return {**one, **(meta if isinstance(meta, dict) else {}), **version, **props, "n_ctx": context}

    @cached_property
    def _named(self) -> dict[str, Any]:
        return {"model": self.settings.name or self._about["id"]}

    @cached_property
    def _has_tokenizer(self) -> bool:
        """Whether the settings name one, or the server has one."""
        try:
            return self.tokenizer is not None
        except NoTokenizerError:
            return False

    @cached_property
    def _encoder(self) -> Encoder:
        return Encoder(self.tokenizer)

    @cached_property
    def _fixed(self) -> list[tuple[int, ...]]:
        return self._encoder.encode(FIXED)

    @cached_property
    def _server(self) -> Completions:
        server = Completions(self._client, self._named, self._encoder)
        find_form(server, self._fixed[0])
        if self.settings.tokenizer is not None:
            self._require_tokenizer(server)
        return server

    @cached_property
    def _abilities(self) -> Abilities:
        return find_abilities(self._server, self._fixed)

    @cached_property
    def _tells_all(self) -> bool:
        if self._vocabulary is None:
            return False
        try:
            place = self._server.next(self._fixed[0], self._vocabulary)
        except RefusedError:
            return False
        return place is not None and _is_whole(place, self._vocabulary)

    @cached_property
    def _answers(self) -> list[dict[Token, float]]:
        return self._answers_now()

    def _answers_now(self) -> list[dict[Token, float]]:
        listed, server = min(_FIRST, self._abilities.listed), self._server
        return self._client.each(lambda ids: self._told(server.next(ids, listed)).listed, self._fixed)

    def _require_tokenizer(self, server: Completions) -> None:
        """Hold a tokenizer from elsewhere against the server: fixed texts must have as many tokens there."""
        ids = server.ids
        try:
            server.ids = False
            for row in self._fixed:
                server.ask(row)
        except RefusedError as error:
            raise error.but(
                problem=f"the tokenizer is not the server's: {error.problem}",
                remedy="Name the model's own tokenizer (model.tokenizer).",
            ) from error
        finally:
            server.ids = ids

    def _require_can(self, requests: Sequence[Request]) -> None:
        """Refuse what the server cannot tell before anything is asked."""
        each = self._abilities.tells_each
        what = None
        if any(request.per_token for request in requests) and not self._tells_all:
            what = "the probability of every token of the vocabulary, which the audit reads"
        elif not each and any(len(ids) > 1 for one in requests for ids in one.continuations):
            what = None if self._tells_all else "the likelihood of whole texts (method: cloze)"
        elif any(len(one.continuations) > self._abilities.listed + _FEW for one in requests):
            what = None if self._tells_all else "the probability of every token of the vocabulary"
        if what is not None:
            raise InputError(
                f"the server does not tell {what}: it lists {self._abilities.listed} tokens of a place",
                field="model.served",
                seen=self._client.url,
                remedy="Ask by letters (prompt.method=letter), or serve the model so that it tells more "
                "(docs/served.md), or ask a local model.",
            )
        # From here on several threads read them.
        _ = (self._answers, self.tells_each)

    def _require_same(self) -> None:
        """Stop if the answers to the fixed texts are not those of the beginning."""
        self._same = False
        for text, before, now in zip(FIXED, self._answers, self._answers_now(), strict=True):
            best = max(before, key=before.__getitem__)
            if abs(now.get(best, -math.inf) - before[best]) > SAME_NATS:
                raise HarmoniaError(
                    f"{self._client.url}: the server answers {text!r} as it did not before: another model "
                    "is served now. Serve the first one again, or begin anew."
                )
        self._same = True

    def _scored(self, request: Request) -> tuple[Likelihood, ...]:
        context, rows = request.context, request.continuations
        if request.per_token:
            return tuple(self._read(context, ids) for ids in rows)
        way = self._abilities.of_prompt
        if way is not None and any(len(ids) > 1 for ids in rows):
            scores = [self._server.of_prompt((*context, *ids), len(ids), way) for ids in rows]
            return tuple(Likelihood(sum=math.fsum(self._told(found))) for found in scores)
        # A place where several texts go on is asked for once.
        places: dict[tuple[int, ...], set[int]] = {}
        for ids in rows:
            for place, token in enumerate(ids):
                places.setdefault(ids[:place], set()).add(token)
        told = {head: self._singles((*context, *head), tokens) for head, tokens in places.items()}
        found = [[told[ids[:place]][token] for place, token in enumerate(ids)] for ids in rows]
        return tuple(
            one[0] if len(one) == 1 else Likelihood(sum=math.fsum(token.sum for token in one))
            for one in found
        )

    def _singles(self, context: tuple[int, ...], tokens: Collection[int]) -> dict[int, Likelihood]:
        """Likelihood of each of some tokens at one place."""
        can, server = self._abilities, self._server
        if len(tokens) > can.listed + _FEW or (not can.tells_each and self._tells_all):
            whole = self._whole(context)
            return {token: Likelihood(sum=whole[token]) for token in tokens}
        place = self._told(server.next(context, can.listed, can.forced))
        named = isinstance(next(iter(place.listed)), int)
        names: Collection[Token] = tokens if named else server.names(context, tokens)
        known = place.listed
        return {
            token: Likelihood(sum=known[name]) if name in known else self._unlisted(context, token, place)
            for name, token in zip(names, tokens, strict=True)
        }

    def _unlisted(self, context: tuple[int, ...], token: int, place: ToldToken) -> Likelihood:
        """Likelihood of a token that the list does not have: asked for, or else bounded."""
        can, server = self._abilities, self._server
        if can.forced is not None:
            found = server.next(context, 1, forced=token)
            if found is None:  # llama.cpp keeps half a character back, and what it would say of it
                found = self._told(server.next(context, self.vocabulary, can.forced))
                return Likelihood(sum=self._told([found.listed.get(token, math.nan)])[0])
            if found.token == token:
                return Likelihood(sum=self._told(found).logprob)
            problem = f"the server wrote another token than the one asked for ({found.token}, not {token})"
            raise HarmoniaError(f"{self._client.url}: {problem}.")
        if can.of_prompt:
            return Likelihood(sum=self._told(server.of_prompt((*context, token), 1, can.of_prompt))[0])
        return Likelihood(sum=math.nan, at_most=place.least)

    def _read(self, context: tuple[int, ...], ids: tuple[int, ...]) -> Likelihood:
        tokens = []
        for place, token in enumerate(ids):
            whole = self._whole((*context, *ids[:place]))
            other = max((one for one in range(len(whole)) if one != token), key=whole.__getitem__)
            entropy = -math.fsum(math.exp(value) * value for value in whole if value > -math.inf)
            tokens.append(
                TokenReading(logprob=whole[token], entropy=entropy, other=other, other_logprob=whole[other])
            )
        return Likelihood(sum=math.fsum(one.logprob for one in tokens), tokens=tuple(tokens))

    def _whole(self, context: tuple[int, ...]) -> list[float]:
        """Log-probability of each token of the vocabulary; a server's sum is 1 within 1e-3, here it is."""
        place = self._told(self._server.next(context, self.vocabulary, self._abilities.forced))
        if not _is_whole(place, self.vocabulary):
            raise HarmoniaError(f"{self._client.url}: a list of tokens that is not the whole vocabulary.")
        norm = math.log(place.total)
        return [place.listed[token] - norm for token in range(self.vocabulary)]

    def _told(self, found: Any) -> Any:
        """What a server told, if it did."""
        unknown = isinstance(found, list) and any(map(math.isnan, found))
        if found is None or unknown or (isinstance(found, ToldToken) and not found.may_be):
            raise HarmoniaError(f"{self._client.url}: an answer without the log-probabilities asked for.")
        return found


def _is_whole(place: ToldToken, vocabulary: int) -> bool:
    """Whether a list has every token of the vocabulary."""
    return all(token in place.listed for token in range(vocabulary))
