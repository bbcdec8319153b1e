"""Texts by a model behind a completions server (vLLM, llama.cpp, ...): no tokens, no likelihoods."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

from harmonia.hashing import draw, result_settings, sha256_json
from harmonia.models.client import ServerClient, choice_of
from harmonia.models.protocols import Continuation, Ended, GenerationSettings, until_stop
from harmonia.models.server import ServedSettings


class ServedWriter:
    """A model behind an OpenAI-compatible completions server: a `Generator`.

    The address of a draw becomes the request's seed; whether the same seed gives the
    same text is the server's affair.

    Args:
        settings: Where it is.

    Raises:
        InputError: The environment variable of the key is not set, or holds no key.
        MissingExtraError: httpx is not installed.
    """

    max_tokens: None = None
    controls: None = None
    slower_generating: tuple[str, ...] = ()
    """How the server writes is its own affair."""

    def __init__(self, settings: ServedSettings) -> None:
        self._settings = settings
        self._client = ServerClient(settings.url, settings, "served", "url")

    @property
    def identity(self) -> str:
        """Hash of address and name; see `Generator`."""
        return sha256_json(result_settings(self._settings))

    def generate(
        self,
        prompts: Sequence[str],
        settings: GenerationSettings,
        *,
        addresses: Sequence[str],
        seed: int,
        stage: str,
    ) -> list[tuple[Continuation, ...]]:
        """Continue each prompt; see `Generator`. Token ids are not known.

        Raises:
            InputError: The server cannot be reached, or refuses the request.
            HarmoniaError: It keeps failing, or answers something else than a completion.
        """
        return written(
            self._client,
            {"model": self._settings.model},
            prompts,
            settings,
            addresses=addresses,
            seed=seed,
            stage=stage,
        )


def written(
    client: ServerClient,
    named: dict[str, Any],
    prompts: Sequence[Any],
    settings: GenerationSettings,
    *,
    addresses: Sequence[str],
    seed: int,
    stage: str,
    most: Sequence[int] | None = None,
) -> list[tuple[Continuation, ...]]:
    """What a server continues each prompt with, be it a text or token ids.

    `named` is what each request says of the model, `most` the tokens that each prompt leaves room for.
    """
    limits = [min(settings.max_new_tokens, room) for room in most or [settings.max_new_tokens] * len(prompts)]
    asked = [
        {
            **named,
            "prompt": prompt,
            "max_tokens": limit,
            "temperature": settings.temperature,
            "top_p": settings.top_p,
            "stop": list(settings.stop),
            # Servers take seeds of 31 bits.
            "seed": draw(seed, stage, f"{address}#{sample}" if sample else address) % 2**31,
        }
        for prompt, address, limit in zip(prompts, addresses, limits, strict=True)
        for sample in range(settings.samples)
    ]

    def complete(body: dict[str, Any]) -> Continuation:
        return _continuation(choice_of(client.post("/completions", body), client.url), body["stop"])

    found = iter(client.each(complete, asked))
    return [tuple(islice(found, settings.samples)) for _ in prompts]


def _continuation(choice: dict[str, Any], stop: Sequence[str]) -> Continuation:
    text = choice.get("text")
    if not isinstance(text, str):
        return Continuation(text="", tokens=(), ended="no text")
    ended: Ended = "length" if choice.get("finish_reason") == "length" else "stop"
    # Some servers leave the stop text on.
    return Continuation(text=until_stop(text, stop), tokens=(), ended=ended)
