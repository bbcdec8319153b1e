"""Where a served model is: its address, and its key, taken from the environment and shown nowhere."""

from __future__ import annotations

import base64
import os
import re
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field, field_validator

from harmonia.errors import InputError
from harmonia.parsing import Settings, hidden_error

_EXECUTION: dict[str, Any] = {"execution": True}
_ADDRESS = re.compile(r"https?://([\w.-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?(/[\w.~/%+:-]*)?")


def _plain(url: str) -> str:
    # The address is written into the run's files: a secret in it would be too.
    if re.search(r"[@?#]", url):
        raise hidden_error(
            "an address without name, password or query is needed: put the key, or NAME:PASSWORD, "
            "into an environment variable and name that in key_env"
        )
    if not _ADDRESS.fullmatch(url):
        raise hidden_error("not an address such as http://localhost:8000/v1")
    return url


def is_address(text: str) -> bool:
    """Whether a text that names a model is the address of a server."""
    return text.startswith(("http://", "https://"))


Address = Annotated[str, AfterValidator(_plain)]


class ServerSettings(Settings):
    """How a server is asked.

    Attributes:
        key_env: Environment variable that holds the key, or `NAME:PASSWORD`; None sends none.
        timeout_s: Seconds to wait for an answer.
        attempts: Requests until a failing server is given up; three until it has answered, and
            again once it was given up.
        backoff_s: Seconds before the second attempt, more or less; doubled with each further
            one, up to half a minute.
        workers: Requests under way at a time.
    """

    key_env: str | None = Field(default=None, json_schema_extra=_EXECUTION)
    timeout_s: float = Field(default=120.0, gt=0, json_schema_extra=_EXECUTION)
    attempts: int = Field(default=8, ge=1, json_schema_extra=_EXECUTION)
    backoff_s: float = Field(default=1.0, ge=0, json_schema_extra=_EXECUTION)
    workers: int = Field(default=8, ge=1, json_schema_extra=_EXECUTION)

    @field_validator("key_env")
    @classmethod
    def _names_a_variable(cls, name: str | None) -> str | None:
        if name is not None and not re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII):
            raise hidden_error("the name of an environment variable is needed, not the key itself")
        return name


class ServedSettings(ServerSettings):
    """A completions server that writes texts.

    Attributes:
        url: Its address down to the version, such as `http://localhost:8000/v1`, without
            name, password or query.
        model: The model's name there.
    """

    url: Address
    model: str


class ServedModelSettings(ServerSettings):
    """A model behind a completions server, to be asked like a local one.

    Attributes:
        served: Address of the server down to the version, such as `http://localhost:8000/v1`,
            without name, password or query.
        name: The model's name there; null where the server holds one model alone.
        tokenizer: The model's tokenizer: a folder, a hub id, or a GGUF file. Null asks the
            server for tokens, where it has /tokenize and /detokenize.
        max_tokens: Tokens of the server's context; null where it tells it.
    """

    device: ClassVar[str] = "cpu"
    device_map: ClassVar[None] = None
    dtype: ClassVar[None] = None
    """What is here of a model that a server holds: no device of its own, and nobody tells its type."""

    served: Address
    name: str | None = None
    tokenizer: str | None = None
    max_tokens: int | None = Field(default=None, ge=2)


@dataclass(frozen=True, slots=True)
class ServerKey:
    """What is sent to prove who asks.

    Attributes:
        headers: Headers of each request; empty without a key.
    """

    headers: dict[str, str] = field(default_factory=dict, repr=False)
    _secrets: tuple[str, ...] = field(default=(), repr=False)

    @classmethod
    def of(cls, variable: str | None) -> ServerKey:
        """The key in an environment variable.

        Args:
            variable: Its name; None for no key. `NAME:PASSWORD` in it goes as Basic
                authentication, anything else as a bearer token, in which no colon can be.

        Raises:
            InputError: The variable is not set, or a header cannot carry what it holds.
        """
        if variable is None:
            return cls()
        key = os.environ.get(variable)
        # Neither name nor content is told: a key may have been given in place of the name.
        if not key:
            problem = "the environment variable that it names, which should hold the server's key, is not set"
            remedy = "Set it, or leave key_env out for a server without a key."
            raise InputError(problem, field="key_env", remedy=remedy)
        if not re.fullmatch(r"[!-~]+", key):
            raise InputError(
                "the environment variable that it names holds no key: a line end, a blank, or a "
                "character outside of ASCII is in it",
                field="key_env",
                remedy="Set it to the key alone.",
            )
        basic = base64.b64encode(key.encode()).decode()
        scheme, token = ("Basic", basic) if ":" in key else ("Bearer", key)
        secrets = (key, basic, key.partition(":")[2])
        return cls({"Authorization": f"{scheme} {token}"}, tuple(secret for secret in secrets if secret))

    def left_out(self, text: str) -> str:
        """A text that a server or library said, without the key."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text
