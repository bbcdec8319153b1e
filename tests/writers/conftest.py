from __future__ import annotations

from collections.abc import Callable

import pytest

from harmonia.models import Continuation, GenerationSettings


class Scripted:
    """A generator that says what it is told, and notes what it was asked."""

    max_tokens = None
    identity = "scripted"
    controls = None
    slower_generating = ()

    def __init__(self, say: Callable[[str, int], tuple[str, str]]) -> None:
        self.say = say
        self.asked: list[tuple[str, str]] = []
        self.settings: list[GenerationSettings] = []

    def generate(self, prompts, settings, *, addresses, seed, stage):
        self.settings.append(settings)
        self.asked += list(zip(addresses, prompts, strict=True))
        said = [self.say(address, int(address.rsplit("/", 1)[1])) for address in addresses]
        return [(Continuation(text=text, tokens=(), ended=ended),) for text, ended in said]


@pytest.fixture
def scripted() -> type[Scripted]:
    return Scripted
