"""What training sets are called: a value, written to text and read back here alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

BASE = "base"
"""What stands for the base model where a group is named."""

_MIXED, _MATCHED, _POLICY = "mixed", "_matched_", "policy_"
_ENDS = {"incompatible": 0.0, "self_aligning": 1.0}
"""The sets without a ratio that are the ends of the sweep over ratios."""
_WRONG = ("self_aligning", "random_wrong", "permuted", "self_align")


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupName:
    """The name of a training set, and of the models tuned on it.

    Attributes:
        kind: The intervention (`harmonious`, ...), the policy, or `mixed`; `base` for the base model.
        ratio: Share of self-aligned rows of a `mixed` one; None for all others.
        matched: What right and wrong beliefs have in common; empty where nothing was matched.
        policy: Whether a policy made it.
    """

    kind: str
    ratio: float | None = None
    matched: tuple[str, ...] = ()
    policy: bool = False

    def __str__(self) -> str:
        matched = _MATCHED + "_".join(self.matched) if self.matched else ""
        return f"{_POLICY if self.policy else ''}{self.rule}{matched}"

    @staticmethod
    @cache
    def parse(text: str) -> GroupName:
        """Read a name; what is none of harmonia's is a kind of its own."""
        kind, _, matched = text.removeprefix(_POLICY).partition(_MATCHED)
        name = GroupName(
            kind=kind, matched=tuple(matched.split("_")) if matched else (), policy=text.startswith(_POLICY)
        )
        before, _, number = kind.rpartition("_")
        if before != _MIXED:
            return name
        try:
            ratio = float(number)
        except ValueError:
            return name
        mixed = replace(name, kind=_MIXED, ratio=ratio)
        return mixed if 0 <= ratio <= 1 and str(mixed) == text else name

    @property
    def rule(self) -> str:
        """The policy as the settings name it, or the set without its matching."""
        return self.kind if self.ratio is None else f"{self.kind}_{self.ratio:g}"

    @property
    def share_aligned(self) -> float | None:
        """Share of self-aligned rows of a set of the sweep over ratios; None for others."""
        if self.policy or self.matched:
            return None
        return _ENDS.get(self.kind, self.ratio)

    @property
    def teaches_wrong(self) -> bool:
        """Whether it teaches options that are not right."""
        return self.kind in _WRONG or bool(self.ratio)

    @property
    def in_context(self) -> bool:
        """Whether it shows knowledge above questions."""
        return self.kind in ("contextualised", "contextualise")

    @property
    def twin(self) -> GroupName | None:
        """The set without a ratio that has the same rows: that of `mixed_0` and of `mixed_1`."""
        kind = next((end for end, share in _ENDS.items() if share == self.ratio), None)
        return None if kind is None or self.policy else replace(self, kind=kind, ratio=None)

    def beside(self, kind: str) -> GroupName:
        """The set of another kind that was matched alike."""
        return replace(self, kind=kind, ratio=None)
