"""Which training sets to build from a domain's beliefs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Ratio = Annotated[float, Field(ge=0.0, le=1.0)]


class GroupSettings(BaseModel):
    """The grouping of one experiment.

    Attributes:
        names: Groups to build, of the plain interventions.
        ratios: Shares of self-aligned rows for which to build a `mixed` group.
        threshold: A belief counts if its confidence is above this.
        size: Most rows a group may have, general instructions left out; None for as
            many as the smaller kind of belief allows.
        seed: Seed of every choice made here.
        explanations: `gold` adds the item's own explanation where the target is the
            right option; `none` leaves all explanations out.
        general_ratio: General instructions for each row of a group.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    names: tuple[Literal["harmonious", "incompatible", "self_aligning"], ...] = (
        "harmonious",
        "incompatible",
        "self_aligning",
    )
    ratios: tuple[Ratio, ...] = ()
    threshold: float = Field(default=0.5, ge=0.0, lt=1.0)
    size: int | None = Field(default=None, ge=1)
    seed: int = 0
    explanations: Literal["gold", "none"] = "gold"
    general_ratio: float = Field(default=1.0, ge=0.0)

    @property
    def group_names(self) -> tuple[str, ...]:
        """The file names of all groups, mixed ones by their ratio."""
        return (*self.names, *(mixed_name(ratio) for ratio in self.ratios))


def mixed_name(ratio: float) -> str:
    """Name of the mixed group with this share of self-aligned rows."""
    return f"mixed_{ratio:g}"
