"""The key of a server: taken from the environment, shown nowhere."""

from __future__ import annotations

import base64
import os
import re
from dataclasses import dataclass, field

from harmonia.errors import InputError


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
            raise InputError(
                "the environment variable that it names, which should hold the server's key, is not set",
                field="key_env",
                remedy="Set it, or leave key_env out for a server without a key.",
            )
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
