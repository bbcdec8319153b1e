"""Orders of an item's options: the item's own, a random one, all cyclic ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harmonia.hashing import draw
from harmonia.types import Item

Order = tuple[int, ...]
"""`order[k]` is the option that stands at place k."""


def given_order(item: Item) -> Order:
    """The options as the item lists them."""
    return tuple(range(len(item.choices)))


def random_order(item: Item, seed: int) -> Order:
    """An order drawn by (seed, item, option text): the item's own order does not matter to it."""

    def place(option: int) -> tuple[int, str, int]:
        text = item.choices[option]
        return draw(seed, f"options/{item.id}", text), text, option

    return tuple(sorted(given_order(item), key=place))


def cyclic_orders(first: Order) -> tuple[Order, ...]:
    """All rotations of an order, so that each option stands at each place once."""
    return tuple(first[start:] + first[:start] for start in range(len(first)))


def reordered(item: Item, order: Order) -> Item:
    """The item with its options in another order, its answer the same option."""
    choices = tuple(item.choices[option] for option in order)
    return replace(item, choices=choices, answer=order.index(item.answer))


def by_option(order: Order, values: Sequence[float]) -> tuple[float, ...]:
    """Values by place -> values by option, in the item's own order."""
    return tuple(values[order.index(option)] for option in range(len(order)))
