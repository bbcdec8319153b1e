"""One server over HTTP: asked again while it is busy or away, a few requests at a time."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any, TypeVar

from harmonia.errors import HarmoniaError, InputError
from harmonia.hashing import addressed_random, sha256_json
from harmonia.models.border import needed
from harmonia.models.server import ServerKey, ServerSettings
from harmonia.parsing import parse_json

MAX_ANSWER_BYTES = 4 * 2**20
_LONGEST_WAIT_S = 30.0
_FIRST = 3
_BUSY = (429, 503)
_ANOTHER_TIME = (408, 425, 429)
"""Of the statuses that refuse a request those that another attempt may better."""
_NOTHING_SUCH = 501

Thing = TypeVar("Thing")
Result = TypeVar("Result")


class RefusedError(InputError):
    """The server says that a request is wrong."""


class ServerClient:
    """Asks one server.

    Args:
        url: Its address, down to the version.
        settings: How to ask it.
        table: What errors call the settings.
        place: What they call the address among them.

    Raises:
        InputError: The environment variable of the key is not set, or holds no key.
        MissingExtraError: httpx is not installed.
    """

    def __init__(self, url: str, settings: ServerSettings, table: str, place: str) -> None:
        self.url = url.rstrip("/")
        self.root = self.url.removesuffix("/v1")
        self._settings, self._table, self._place = settings, table, place
        self._httpx = needed("httpx", by="served models", extra="served")
        self._key = ServerKey.of(settings.key_env)
        self._lock = threading.Lock()
        self._busy_until, self._answered = 0.0, False

    def each(self, work: Callable[[Thing], Result], things: Iterable[Thing]) -> list[Result]:
        """What the work makes of each thing, in order; `workers` of them are under way at a time."""
        with ThreadPoolExecutor(self._settings.workers) as pool:
            try:
                return list(pool.map(work, things))
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def post(self, path: str, body: dict[str, Any], limit: int = MAX_ANSWER_BYTES) -> Any:
        """The server's answer to one request, of so many bytes at most.

        `path` is behind the address, or a whole address.

        Raises:
            RefusedError: It says that the request is wrong.
            InputError: It cannot be reached.
            HarmoniaError: It keeps failing.
        """
        return self._asked(path if "://" in path else f"{self.url}{path}", body, limit)

    def get(self, address: str) -> dict[str, Any]:
        """What the server says at an address; nothing where it has none."""
        try:
            said = self._asked(address, None, MAX_ANSWER_BYTES)
        except RefusedError:
            return {}
        return said if isinstance(said, dict) else {}

    @cached_property
    def _http(self) -> Any:
        try:
            made = self._httpx.Client(headers=self._key.headers, timeout=self._settings.timeout_s)
        except (ValueError, ImportError):
            # What the library says may hold the proxy's password.
            problem = "the proxy that the environment names cannot be used"
            remedy = "Correct it, or name the server's host in NO_PROXY."
            raise InputError(problem, field="HTTP_PROXY, HTTPS_PROXY, ALL_PROXY", remedy=remedy) from None
        weakref.finalize(self, made.close)
        return made

    def _asked(self, url: str, body: dict[str, Any] | None, limit: int) -> Any:
        """The server's answer, asked again while it is busy or failing."""
        last, reached, remedy = "", False, "Start it, or correct the url."
        # What has never answered, or was given up, is hardly on its way back.
        attempts = self._settings.attempts if self._answered else min(_FIRST, self._settings.attempts)
        for attempt in range(attempts):
            self._wait(attempt, body)
            try:
                status, content, wait = self._answer(url, body, limit)
                reached = self._answered = True
                if status == _NOTHING_SUCH or (300 <= status < 500 and status not in _ANOTHER_TIME):
                    raise RefusedError(
                        f"the server refuses the request (status {status})",
                        field=self._table,
                        remedy="Check its address, the model's name there, and key_env.",
                        **self._said(content),
                    )
                if 200 <= status < 300:
                    return _parsed(content)
                last = f"status {status}"
                if status in _BUSY:
                    # Nobody asks a busy server until it has had its time.
                    with self._lock:
                        self._busy_until = max(self._busy_until, time.monotonic() + wait)
            except _FailingError as error:
                last, reached = str(error), True
            except self._httpx.ReadTimeout:
                last, remedy = (
                    f"nothing in {self._settings.timeout_s:g} s",
                    "Raise timeout_s, or lower workers.",
                )
            except (self._httpx.RequestError, self._httpx.InvalidURL) as error:
                last = self._key.left_out(str(error)) or type(error).__name__
        problem = f"no answer from the server in {attempts} attempts ({last})"
        if reached:
            raise HarmoniaError(f"{url}: {problem}.")
        self._answered = False
        raise InputError(problem, field=f"{self._table}.{self._place}", seen=url, remedy=remedy)

    def _wait(self, attempt: int, body: dict[str, Any] | None) -> None:
        """Wait before an attempt: twice as long each time, and not all requests alike."""
        pause = max(0.0, self._busy_until - time.monotonic())
        if attempt:
            jitter = addressed_random(attempt, "backoff", sha256_json(body)).uniform(0.5, 1.5)
            pause += min(_LONGEST_WAIT_S, self._settings.backoff_s * 2 ** (attempt - 1)) * jitter
        if pause:
            time.sleep(pause)

    def _answer(self, url: str, body: dict[str, Any] | None, limit: int) -> tuple[int, bytes, float]:
        """Status, content and the seconds it asks to wait; within its bounds of time and size."""
        end = time.monotonic() + self._settings.timeout_s
        content = bytearray()
        with self._http.stream("GET" if body is None else "POST", url, json=body) as answer:
            for part in answer.iter_bytes():
                content += part
                if len(content) > limit:
                    raise _FailingError(f"an answer of more than {limit // 2**20} MiB")
                if time.monotonic() > end:
                    raise _FailingError(f"an answer without end in {self._settings.timeout_s:g} s")
            wait = str(answer.headers.get("Retry-After", ""))
            seconds = min(_LONGEST_WAIT_S, float(wait)) if wait.isdecimal() else 0.0
            return answer.status_code, bytes(content), seconds

    def _said(self, content: bytes) -> dict[str, Any]:
        """What a server says of a refusal, where it says it as such; it may repeat the key elsewhere."""
        try:
            said = parse_json(content, file=None)
        except InputError:
            return {}
        for name in ("error", "message", "detail"):
            said = said.get(name, said) if isinstance(said, dict) else said
        return {"seen": self._key.left_out(said)} if isinstance(said, str) else {}


def choice_of(answer: Any, url: str) -> dict[str, Any]:
    """The first choice of a completion; nothing where it has none.

    Raises:
        HarmoniaError: It is no completion. What it says instead is not passed on: it may repeat the key.
    """
    choices = answer.get("choices") if isinstance(answer, dict) else None
    if not isinstance(choices, list) or not all(isinstance(one, dict) and "text" in one for one in choices):
        raise HarmoniaError(
            f"{url}/completions answers something else than a completion (`choices` with `text`)."
        )
    found: Sequence[dict[str, Any]] = choices
    return found[0] if found else {}


class _FailingError(Exception):
    """An answer that another attempt may better."""


def _parsed(content: bytes) -> Any:
    try:
        return parse_json(content, file=None)
    except InputError as error:
        if error.field is not None:
            # JSON, but with half a character or the like: this text is lost, no other.
            return {"choices": []}
        raise _FailingError("an answer that is not JSON") from None
