"""A model behind a server that speaks the completions protocol (vLLM, llama.cpp, ...)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

from harmonia.errors import HarmoniaError, InputError
from harmonia.hashing import draw, result_settings, sha256_json
from harmonia.models.border import needed
from harmonia.models.protocols import (
    ROUNDING,
    Continuation,
    Ended,
    GenerationSettings,
    Likelihood,
    until_stop,
)
from harmonia.models.server import ServedSettings, ServerKey
from harmonia.parsing import parse_json
from harmonia.prompts.encode import Request

MAX_ANSWER_BYTES = 4 * 2**20


class ServedModel:
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
    rounding = ROUNDING["bfloat16"]
    """A server does not say in what it calculates."""
    slower_generating: tuple[str, ...] = ()
    """How the server writes is its own affair."""

    def __init__(self, settings: ServedSettings) -> None:
        self._settings = settings
        self._httpx = needed("httpx", by="served models", extra="served")
        self._key = ServerKey.of(settings.key_env)

    @property
    def identity(self) -> str:
        """Hash of address and name; see `Generator`."""
        return sha256_json(result_settings(self._settings))

    @property
    def tokenizer(self) -> Any:
        """None yet: served models do not score.

        Raises:
            InputError: Always, so that no work is begun.
        """
        raise _no_scores(self._settings)

    def loglikelihoods(
        self, requests: Sequence[Request], *, batch_tokens: int | None = None
    ) -> list[tuple[Likelihood, ...]]:
        """Raises an `InputError`: served models do not score yet."""
        raise _no_scores(self._settings)

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
        asked = [
            {
                "model": self._settings.model,
                "prompt": prompt,
                "max_tokens": settings.max_new_tokens,
                "temperature": settings.temperature,
                "top_p": settings.top_p,
                "stop": list(settings.stop),
                # Servers take seeds of 31 bits.
                "seed": draw(seed, stage, f"{address}#{sample}" if sample else address) % 2**31,
            }
            for prompt, address in zip(prompts, addresses, strict=True)
            for sample in range(settings.samples)
        ]
        with self._client() as client, ThreadPoolExecutor(self._settings.workers) as pool:
            try:
                found = iter(list(pool.map(lambda body: self._complete(client, body), asked)))
            finally:
                pool.shutdown(wait=False, cancel_futures=True)
        return [tuple(islice(found, settings.samples)) for _ in prompts]

    def _client(self) -> Any:
        try:
            return self._httpx.Client(headers=self._key.headers, timeout=self._settings.timeout_s)
        except (ValueError, ImportError):
            # What the library says may hold the proxy's password.
            problem = "the proxy that the environment names cannot be used"
            remedy = "Correct it, or name the server's host in NO_PROXY."
            raise InputError(problem, field="HTTP_PROXY, HTTPS_PROXY, ALL_PROXY", remedy=remedy) from None

    def _complete(self, client: Any, body: dict[str, Any]) -> Continuation:
        answer = self._post(client, body)
        choices = answer.get("choices") if isinstance(answer, dict) else None
        if not isinstance(choices, list) or not all(
            isinstance(one, dict) and "text" in one for one in choices
        ):
            # What it says instead is not passed on: it may repeat the key.
            raise HarmoniaError(
                f"{self._url} answers something else than a completion (`choices` with `text`)."
            )
        choice = choices[0] if choices else {}
        text = choice.get("text")
        if not isinstance(text, str):
            return Continuation(text="", tokens=(), ended="no text")
        ended: Ended = "length" if choice.get("finish_reason") == "length" else "stop"
        # Some servers leave the stop text on.
        return Continuation(text=until_stop(text, body["stop"]), tokens=(), ended=ended)

    @property
    def _url(self) -> str:
        return f"{self._settings.url.rstrip('/')}/completions"

    def _post(self, client: Any, body: dict[str, Any]) -> Any:
        """The server's answer, asked again while it is busy or failing."""
        last, reached = "", False
        for attempt in range(self._settings.attempts):
            if attempt:
                time.sleep(self._settings.backoff_s * 2 ** (attempt - 1))
            try:
                status, content = self._answer(client, body)
                reached = True
                if 300 <= status < 500 and status != 429:
                    raise InputError(
                        f"the server refuses the request (status {status})",
                        field="served",
                        remedy="Check url, model and key_env.",
                        **self._said(content),
                    )
                if 200 <= status < 300:
                    return _parsed(content)
                last = f"status {status}"
            except _Failing as error:
                last, reached = str(error), True
            except (self._httpx.RequestError, self._httpx.InvalidURL) as error:
                last = self._key.left_out(str(error)) or type(error).__name__
        problem = f"no answer from the server in {self._settings.attempts} attempts ({last})"
        if reached:
            raise HarmoniaError(f"{self._url}: {problem}.")
        raise InputError(problem, field="served.url", seen=self._url, remedy="Start it, or correct the url.")

    def _answer(self, client: Any, body: dict[str, Any]) -> tuple[int, bytes]:
        """Status and content of one answer, within its bounds of time and size."""
        end = time.monotonic() + self._settings.timeout_s
        content = bytearray()
        with client.stream("POST", self._url, json=body) as answer:
            for part in answer.iter_bytes():
                content += part
                if len(content) > MAX_ANSWER_BYTES:
                    raise _Failing(f"an answer of more than {MAX_ANSWER_BYTES // 2**20} MiB")
                if time.monotonic() > end:
                    raise _Failing(f"an answer without end in {self._settings.timeout_s:g} s")
            return answer.status_code, bytes(content)

    def _said(self, content: bytes) -> dict[str, Any]:
        """What a server says of a refusal, where it says it as such; it may repeat the key elsewhere."""
        try:
            said = parse_json(content, file=None)
        except InputError:
            return {}
        for name in ("error", "message", "detail"):
            said = said.get(name, said) if isinstance(said, dict) else said
        return {"seen": self._key.left_out(said)} if isinstance(said, str) else {}


class _Failing(Exception):
    """An answer that another attempt may better."""


def _parsed(content: bytes) -> Any:
    try:
        return parse_json(content, file=None)
    except InputError as error:
        if error.field is not None:
            # JSON, but with half a character or the like: this text is lost, no other.
            return {"choices": []}
        raise _Failing("an answer that is not JSON") from None


def _no_scores(settings: ServedSettings) -> InputError:
    return InputError(
        "a served model writes texts, and says no likelihoods yet",
        field="served.model",
        seen=settings.model,
        remedy="Ask a local model.",
    )
