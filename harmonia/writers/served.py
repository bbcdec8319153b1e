"""A writer behind a server that speaks the completions protocol (vLLM, llama.cpp, ...)."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from harmonia.errors import HarmoniaError, InputError, MissingExtraError
from harmonia.hashing import draw
from harmonia.scoring.generate import Continuation, GenerationSettings
from harmonia.writers.settings import ServedSettings


class ServedWriter:
    """A model behind an OpenAI-compatible completions server.

    The address of a draw becomes the request's seed; whether the same seed gives the
    same text is the server's affair.

    Args:
        settings: Where it is.

    Raises:
        InputError: The environment variable of the key is not set.
        MissingExtraError: httpx is not installed.
    """

    def __init__(self, settings: ServedSettings) -> None:
        self._settings = settings
        self._httpx = _httpx()
        self._headers = {}
        if settings.key_env is not None:
            key = os.environ.get(settings.key_env)
            if not key:
                raise InputError(
                    "the environment variable that should hold the server's key is not set",
                    field="key_env",
                    seen=settings.key_env,
                    remedy="Set it, or leave key_env out for a server without a key.",
                )
            self._headers["Authorization"] = f"Bearer {key}"

    @property
    def name(self) -> str:
        """The model's name on the server."""
        return self._settings.model

    @property
    def slower(self) -> tuple[str, ...]:
        """How the server writes is its own affair."""
        return ()

    def write(
        self,
        prompts: Sequence[str],
        settings: GenerationSettings,
        *,
        addresses: Sequence[str],
        seed: int,
        stage: str,
    ) -> list[Continuation]:
        """One continuation a prompt, in order; their token ids are not known.

        Raises:
            InputError: The server cannot be reached, or refuses the request.
            HarmoniaError: It keeps failing, or answers something else than a completion.
        """
        asked = [
            {
                "model": self._settings.model,
                "prompt": prompt,
                "max_tokens": settings.max_new_tokens,
                "temperature": settings.temperature,
                "top_p": settings.top_p,
                "stop": list(settings.stop),
                # Servers take seeds of 31 bits.
                "seed": draw(seed, stage, address) % 2**31,
            }
            for prompt, address in zip(prompts, addresses, strict=True)
        ]
        with (
            self._httpx.Client(headers=self._headers, timeout=self._settings.timeout_s) as client,
            ThreadPoolExecutor(self._settings.workers) as pool,
        ):
            return list(pool.map(lambda body: self._complete(client, body), asked))

    def _complete(self, client: Any, body: dict[str, Any]) -> Continuation:
        answer = self._post(client, body)
        try:
            choice = answer.json()["choices"][0]
            text, ended = choice["text"], choice.get("finish_reason")
        except (ValueError, KeyError, IndexError, TypeError) as error:
            raise HarmoniaError(
                f"{self._url} answers something else than a completion: {answer.text[:200]!r}"
            ) from error
        # Some servers leave the stop text on.
        cut = min([place for place in map(text.find, body["stop"]) if place >= 0], default=len(text))
        return Continuation(text=text[:cut], tokens=(), ended="length" if ended == "length" else "stop")

    @property
    def _url(self) -> str:
        return f"{self._settings.url.rstrip('/')}/completions"

    def _post(self, client: Any, body: dict[str, Any]) -> Any:
        """The server's answer, asked again while it is busy or failing."""
        last = ""
        for attempt in range(self._settings.attempts):
            if attempt:
                time.sleep(self._settings.backoff_s * 2 ** (attempt - 1))
            try:
                answer = client.post(self._url, json=body)
            except self._httpx.TransportError as error:
                last = str(error) or type(error).__name__
                continue
            if answer.status_code == 429 or answer.status_code >= 500:
                last = f"status {answer.status_code}"
                continue
            if answer.status_code >= 400:
                raise InputError(
                    f"the server refuses the request (status {answer.status_code})",
                    field="served",
                    seen=answer.text[:200],
                    remedy="Check url, model and key_env.",
                )
            return answer
        problem = f"no answer from the server in {self._settings.attempts} attempts ({last})"
        if last.startswith("status"):
            raise HarmoniaError(f"{self._url}: {problem}.")
        raise InputError(problem, field="served.url", seen=self._url, remedy="Start it, or correct the url.")


def _httpx() -> Any:
    try:
        import httpx
    except ImportError as error:
        raise MissingExtraError(
            "served models need the library httpx", remedy="Install it: pip install 'harmonia[served]'."
        ) from error
    return httpx
