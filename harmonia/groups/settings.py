"""Which training sets to build from a domain's beliefs, and what each is called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from harmonia.groups.names import GroupName
from harmonia.parsing import Settings

Ratio = Annotated[float, Field(ge=0.0, le=1.0)]
Intervention = Literal[
    "harmonious",
    "incompatible",
    "self_aligning",
    "contextualised",
    "general_only",
    "random_wrong",
    "permuted",
]
Criterion = Literal["letter", "believed", "confidence", "length", "noise"]
Match = tuple[Criterion, ...]

POLICIES = (
    *("all", "drop_conflicting", "known_only", "unknown_only", "mostly_uncertain"),
    *("self_align", "contextualise", "weighted", "known_late"),
)


def require_policy(name: str, names: Sequence[str]) -> None:
    """Require that a policy is one of these, or `mixed_R`.

    Raises:
        ValueError: It is not.
    """
    if name not in names and GroupName.parse(name).ratio is None:
        raise ValueError(f"no policy '{name}'; there are {', '.join(names)} and mixed_0.5")


class LevelWeights(Settings):
    """Weight in the loss of a row, by what the model believes of its item.

    Attributes:
        known: Right and confident.
        uncertain: Not confident.
        conflicting: Wrong and confident.
    """

    known: float = Field(default=1.0, ge=0.0)
    uncertain: float = Field(default=0.7, ge=0.0)
    conflicting: float = Field(default=0.1, ge=0.0)


class PolicySettings(Settings):
    """Ways to choose and change training rows, compared at the same number of rows.

    Attributes:
        names: `all`, `drop_conflicting`, `known_only`, `unknown_only`, `mostly_uncertain`,
            `self_align`, `contextualise`, `weighted`, `known_late`, or `mixed_R` with a
            ratio R; docs/groups.md says what each does.
        budget: Most rows of each; None for as many as the scarcest policy has.
        weights: Weights of `weighted`.
        late_from_epoch: Epoch, from 0, in which `known_late` first shows what is known.
    """

    names: tuple[str, ...] = ()
    budget: int | None = Field(default=None, ge=1)
    weights: LevelWeights = LevelWeights()
    late_from_epoch: int = Field(default=2, ge=1)

    @field_validator("names")
    @classmethod
    def _are_policies(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            require_policy(name, POLICIES)
        require_different(names)
        return names


class GroupSettings(Settings):
    """The grouping of one experiment.

    Attributes:
        names: Groups to build, of the interventions without a ratio; `contextualised` needs
            contexts, `general_only` general instructions, `random_wrong` items of three options.
        ratios: Shares of self-aligned rows for which to build a `mixed` group.
        match: Lists of what right and wrong beliefs are to have in common. For each list
            all groups of `names` and `ratios` are built once more, from the largest balanced
            selection. `letter` is that of the right option. `believed` (with `letter`): of
            the wrong beliefs as many believe a letter as have it right. `confidence` and
            `length` (of the question, in characters) are balanced over quantile bins.
            `noise` leaves out items whose explanation states another letter than the right one.
        match_bins: Quantile bins of confidence and of length.
        policies: More training sets, compared at the same number of rows.
        threshold: A belief counts if its confidence is above this.
        size: Most rows a group may have, general instructions left out; None for as
            many as the smaller kind of belief allows.
        seed: Seed of every choice made here; in a run each fine-tuning seed is mixed into it.
        explanations: `gold` adds the item's own explanation where the target is the
            right option. `own` adds one written by the model, too, where it is not, which
            argues for the target. `none` leaves all explanations out. `equal` explains all
            groups alike: `gold` where each teaches right options alone, else `none`.
        shuffle_options: Put the options of each row in an order of its own, the same in
            every group, so that letters carry nothing.
        general_ratio: General instructions for each row of a group.
    """

    names: tuple[Intervention, ...] = ("harmonious", "incompatible", "self_aligning")
    ratios: tuple[Ratio, ...] = ()
    match: tuple[Annotated[Match, Field(min_length=1)], ...] = ()
    match_bins: int = Field(default=20, ge=2, le=100)
    policies: PolicySettings = PolicySettings()
    threshold: float = Field(default=0.5, ge=0.0, lt=1.0)
    size: int | None = Field(default=None, ge=1)
    seed: int = 0
    explanations: Literal["equal", "gold", "own", "none"] = "equal"
    shuffle_options: bool = False
    general_ratio: float = Field(default=1.0, ge=0.0)

    @model_validator(mode="after")
    def _files_differ(self) -> GroupSettings:
        for criteria in self.match:
            require_different(criteria)
            if "believed" in criteria and "letter" not in criteria:
                raise ValueError("match: believed goes with letter, as in [letter, believed]")
        # The same criteria in another order would train the same rows once more.
        require_different([" and ".join(sorted(criteria)) for criteria in self.match])
        require_different(self.group_names)
        if "general_only" in self.names and not self.general_ratio:
            raise ValueError("general_only is the general instructions alone: general_ratio must be above 0")
        return self

    @property
    def groups(self) -> tuple[GroupName, ...]:
        """All groups, in the order they are built."""
        made = (
            *(GroupName(kind=name) for name in self.names),
            *(GroupName(kind="mixed", ratio=ratio) for ratio in self.ratios),
        )
        return (
            *(replace(name, matched=match) for match in ((), *self.match) for name in made),
            *(GroupName.parse(f"policy_{name}") for name in self.policies.names),
        )

    @property
    def explained(self) -> Literal["gold", "own", "none"]:
        """What `explanations` comes to for these groups."""
        if self.explanations != "equal":
            return self.explanations
        return "none" if any(name.teaches_wrong for name in self.groups) else "gold"

    @property
    def argued(self) -> tuple[str, ...]:
        """Interventions whose rows need explanations of options that are not right, written for them."""
        wrong = [name for name in self.groups if name.teaches_wrong and self.explained == "own"]
        return tuple(sorted({"self_aligning" if name.ratio else name.kind for name in wrong}))

    @property
    def alone(self) -> GroupSettings:
        """What one group depends on besides its name: others are named only where they decide items."""
        deciding = tuple(name for name in self.names if name == "random_wrong")
        return self.model_copy(update={"names": deciding, "ratios": (), "explanations": self.explained})

    @property
    def group_names(self) -> tuple[str, ...]:
        """The file names of all groups, in the order they are built."""
        return tuple(map(str, self.groups))


def require_different(names: Sequence[str]) -> None:
    """Require that each of these stands once.

    Raises:
        ValueError: One does not.
    """
    twice = [name for place, name in enumerate(names) if name in names[:place]]
    if twice:
        raise ValueError(f"'{twice[0]}' is named twice")
