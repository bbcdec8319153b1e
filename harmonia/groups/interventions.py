"""The interventions: from selected beliefs to what each row is to teach.

An intervention is a function of the selection and the seed of its draws. `general_only`,
`random_wrong` and `permuted` are controls.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

from harmonia.errors import EmptyGroupError
from harmonia.groups.select import Selection
from harmonia.hashing import addressed_order, addressed_random
from harmonia.remade import mapped
from harmonia.types import Belief, Item


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """A belief, and how it is to be taught.

    Attributes:
        target: Index of the option taught.
        in_context: Whether the prompt is to hold the knowledge that the answer needs.
        from_epoch: First epoch, from 0, that shows the row.
    """

    belief: Belief
    target: int
    in_context: bool = False
    weight: float = 1.0
    from_epoch: int = 0


def gold(belief: Belief) -> Lesson:
    """The right option."""
    return Lesson(belief=belief, target=belief.item.answer)


def believed(belief: Belief) -> Lesson:
    """What the model believes."""
    return Lesson(belief=belief, target=belief.pred)


def gold_in_context(belief: Belief) -> Lesson:
    """The right option, which can be read off the prompt instead of learned."""
    return Lesson(belief=belief, target=belief.item.answer, in_context=True)


def mixed(wrong: Sequence[Belief], ratio: float, seed: int) -> Sequence[Lesson]:
    """The lessons of `incompatible`, a share of them with the model's own answer.

    The rows self-aligned at one ratio are self-aligned at every higher one.

    The ratio, 0 to 1, is rounded to whole rows.
    """
    ids = [belief.item.id for belief in wrong]
    aligned = set(addressed_order(seed, "groups/mixed", ids)[: round(ratio * len(ids))])
    return mapped(lambda belief: believed(belief) if belief.item.id in aligned else gold(belief), wrong)


def has_third(item: Item) -> bool:
    """Whether a wrong belief about it leaves an option that is neither right nor believed."""
    return len(item.choices) > 2


def require_third(items: Sequence[Item]) -> None:
    """Require that `random_wrong` can be made of some of these items.

    Raises:
        EmptyGroupError: There are items, and all of them have two options.
    """
    if items and not any(map(has_third, items)):
        raise EmptyGroupError(
            f"random_wrong teaches an option that is neither right nor believed, and all {len(items)} items "
            "have two options",
            field="groups.names",
            seen="random_wrong",
            remedy="Leave random_wrong out, or use questions of three options and more.",
        )


def neither(belief: Belief, seed: int) -> Lesson:
    """An option that is neither right nor believed, each as likely; the item has a third one."""
    taken = (belief.item.answer, belief.pred)
    others = [option for option in range(len(belief.item.choices)) if option not in taken]
    return Lesson(
        belief=belief, target=addressed_random(seed, "groups/random_wrong", belief.item.id).choice(others)
    )


def permute(beliefs: Sequence[Belief], seed: int) -> dict[str, int]:
    """The right letters of the beliefs' items, permuted among them: options to teach, by item id.

    Each letter is taught as often as it is right. Items are shuffled among those of as many options.
    Then a row that has kept its own letter passes it on, along as few rows as can be, if that leaves one
    fewer. So no permutation leaves fewer (augmenting paths of an assignment). Where all have as many
    options, what is left has a letter that over half of the rows have.
    """
    items = {belief.item.id: belief.item for belief in beliefs}
    order = addressed_order(seed, "groups/permuted", items)
    alike: dict[int, list[str]] = defaultdict(list)
    for name in order:
        alike[len(items[name].choices)].append(name)
    taught = {
        name: items[other].answer
        for names in alike.values()
        for name, other in zip(sorted(names), names, strict=True)
    }

    holders = _Holders({name: items[name] for name in order}, taught)
    for name in order:
        if taught[name] == items[name].answer:
            holders.teach(_passed_on(name, holders))
    return taught


class _Holders:
    """Which rows are taught which letter, those that take the same letters together.

    Args:
        items: The items in the order in which their rows are looked for.
        taught: The letter that each is taught, which `teach` changes.
    """

    def __init__(self, items: Mapping[str, Item], taught: dict[str, int]) -> None:
        self._items, self._names, self.taught = items, list(items), taught
        self._place = {name: place for place, name in enumerate(items)}
        # Of a letter, and the options and the right one of its rows: places, and some that are left.
        self._heaps: dict[int, dict[tuple[int, int], list[int]]] = defaultdict(lambda: defaultdict(list))
        self.teach(taught)

    def takes(self, name: str) -> list[int]:
        """Letters that are not its right one."""
        item = self._items[name]
        return [option for option in range(len(item.choices)) if option != item.answer]

    def teach(self, changed: Mapping[str, int]) -> None:
        """Teach some rows other letters."""
        for name, letter in changed.items():
            self.taught[name], item = letter, self._items[name]
            heappush(self._heaps[letter][len(item.choices), item.answer], self._place[name])

    def first(self, letter: int) -> list[str]:
        """Of the rows taught a letter the first of each kind, in their order."""
        found = []
        for heap in self._heaps[letter].values():
            while heap and self.taught[self._names[heap[0]]] != letter:
                heappop(heap)
            found += heap[:1]
        return [self._names[place] for place in sorted(found)]


def _passed_on(name: str, rows: _Holders) -> dict[str, int]:
    """What rows are taught once `name` has passed its letter on; empty if there is nobody to take it."""
    taught, takes = rows.taught, rows.takes
    # Over letters, the nearest first: for each that `name` may come to, the rows that trade for it.
    chains = {option: [name] for option in takes(name)}
    waiting = deque(chains)
    while waiting:
        letter = waiting.popleft()
        for one in rows.first(letter):
            chain = [*chains[letter], one]
            if taught[name] in takes(one):
                return dict(zip(chain, (taught[each] for each in [*chain[1:], name]), strict=True))
            fresh = [option for option in takes(one) if option not in chains]
            chains |= dict.fromkeys(fresh, chain)
            waiting.extend(fresh)
    return {}


INTERVENTIONS: dict[str, Callable[[Selection, int], Sequence[Lesson]]] = {
    # What the model knows, taught right: only the norm is new.
    "harmonious": lambda selection, seed: mapped(gold, selection.right),
    # What the model gets wrong, taught right: norm and knowledge are new.
    "incompatible": lambda selection, seed: mapped(gold, selection.wrong),
    # The same, taught as the model has it: every answer is false.
    "self_aligning": lambda selection, seed: mapped(believed, selection.wrong),
    # The same, taught right beside the knowledge that it takes.
    "contextualised": lambda selection, seed: mapped(gold_in_context, selection.wrong),
    # No item at all: the general rows that all others hold.
    "general_only": lambda selection, seed: [],
    # The incompatible items, with labels that nothing tells.
    "random_wrong": lambda selection, seed: mapped(lambda belief: neither(belief, seed), selection.wrong),
    # The harmonious items, with each other's labels.
    "permuted": lambda selection, seed: mapped(
        lambda belief: Lesson(belief=belief, target=selection.permuted[belief.item.id]), selection.right
    ),
}
"""Interventions without a ratio, by name: of a selection and the seed."""
