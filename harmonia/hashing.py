"""Content addresses and addressed randomness.

An address is the sha256 of canonical JSON. Randomness is drawn from
(seed, stage, item), never from the order in which items come, so that a shard, a
limit or a resume changes nothing.
"""

from __future__ import annotations

import hashlib
import heapq
import json
import random
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

T = TypeVar("T")


def canonical_json(value: Any) -> str:
    """Serialise `value` with sorted keys and no spaces.

    Raises:
        TypeError: `value` holds something JSON has no word for.
        ValueError: `value` holds a float that is not finite.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def sha256_json(value: Any) -> str:
    """Hex sha256 of the canonical JSON of `value`."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def file_sha256(path: Path) -> str:
    """Hex sha256 of a file's bytes."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def draw(seed: int, stage: str, item: str) -> int:
    """A 64-bit number that depends on the address alone, uniform over addresses."""
    return int.from_bytes(hashlib.sha256(canonical_json([seed, stage, item]).encode()).digest()[:8], "big")


def addressed_random(seed: int, stage: str, item: str) -> random.Random:
    """A generator for one item of one stage."""
    return random.Random(draw(seed, stage, item))


def addressed_order(seed: int, stage: str, ids: Iterable[str]) -> list[str]:
    """The ids in a random order that does not depend on the order given.

    The first n of it are a uniform sample of size n; a larger sample contains the
    smaller one.
    """
    return sorted(ids, key=lambda item: (draw(seed, stage, item), item))


def sample(seed: int, stage: str, pool: Sequence[T], ids: Sequence[str], size: int) -> list[T]:
    """`size` members of `pool` (all, if it has fewer), in the pool's own order."""
    chosen = set(addressed_order(seed, stage, ids)[:size])
    return [member for member, name in zip(pool, ids, strict=True) if name in chosen]


class FirstDrawn(Generic[T]):
    """The first members of `addressed_order`, of a pool that comes one by one; no more than these are held.

    Args:
        size: How many.
        seed: Seed of the draws.
        stage: Stage of the draws.
    """

    def __init__(self, size: int, seed: int, stage: str) -> None:
        self._size, self._seed, self._stage = size, seed, stage
        self._seen = 0
        self._heap: list[tuple[int, int, T]] = []

    def add(self, name: str, member: T) -> None:
        """Take a member of the pool, by its id."""
        self._seen += 1
        entry = (-draw(self._seed, self._stage, name), -self._seen, member)
        if len(self._heap) < self._size:
            heapq.heappush(self._heap, entry)
        elif entry[:2] > self._heap[0][:2]:
            heapq.heapreplace(self._heap, entry)

    @property
    def members(self) -> tuple[T, ...]:
        """They, in the order of their draws."""
        return tuple(member for *_, member in sorted(self._heap, key=lambda one: one[:2], reverse=True))


def result_settings(settings: BaseModel) -> dict[str, Any]:
    """The settings that can change a result, as JSON values.

    Fields declared `json_schema_extra={"execution": True}` (device, batch size, ...)
    are left out, in nested settings too.
    """
    kept = {}
    for name, field in type(settings).model_fields.items():
        extra = field.json_schema_extra
        if isinstance(extra, dict) and extra.get("execution"):
            continue
        value = getattr(settings, name)
        dumped = settings.model_dump(mode="json", include={name})[name]
        kept[name] = result_settings(value) if isinstance(value, BaseModel) else dumped
    return kept
