"""How a lab base is trained, and what a training reports: settings and records only."""

from __future__ import annotations

from dataclasses import dataclass, field

from harmonia.world.build.mixture import MixtureSettings
from harmonia.world.build.model import ShapeSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class PretrainingSettings:
    """How long and how the base is trained.

    Attributes:
        mixture: Sizes and shares of the batches.
        model: Shape of the model.
        matching_steps: Most steps of the first stage.
        reading_steps: Most steps of the second stage.
        single_steps: Most steps of the third stage.
        fewshot_steps: Steps of the fourth stage.
        matching_least: Fewest steps of the first stage.
        single_least: Fewest steps of the third stage.
        matching_below: Matching loss under which the first stage may end.
        reading_below: Open-book loss under which the second stage ends.
        single_below: Letter loss under which the third stage may end.
        widen_below: Matching loss under which all value pools come into play.
        restart_at: Step of the first stage at which a stuck one is given up.
        restart_above: Matching loss that counts as stuck; guessing is log 4 = 1.386.
        attempts: Initialisations tried before giving up.
        rate: Highest learning rate.
        warm_steps: Steps over which the rate rises, in each stage.
        last_rate: Rate at the end of a cosine, as a share of the highest.
        decay: Weight decay of the matrices.
        clip: Largest norm of the gradient.
        recall_weight: Weight of the auxiliary loss.
        recall_layer: Layer after which it reads the residual stream.
    """

    mixture: MixtureSettings = field(default_factory=MixtureSettings)
    model: ShapeSettings = field(default_factory=ShapeSettings)
    matching_steps: int = 900
    reading_steps: int = 600
    single_steps: int = 1300
    fewshot_steps: int = 1100
    matching_least: int = 200
    single_least: int = 500
    matching_below: float = 0.1
    reading_below: float = 0.4
    single_below: float = 0.3
    widen_below: float = 0.4
    restart_at: int = 350
    restart_above: float = 1.3
    attempts: int = 6
    rate: float = 3e-3
    warm_steps: int = 50
    last_rate: float = 0.05
    decay: float = 0.01
    clip: float = 1.0
    recall_weight: float = 0.5
    recall_layer: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where a training stands; `losses` are means of the last steps, in nats."""

    stage: str
    attempt: int
    step: int
    steps: int
    losses: dict[str, float]
    wall_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRecord:
    """What a stage took and where it ended; a stage given up has `restarted`."""

    stage: str
    attempt: int
    steps: int
    wall_s: float
    losses: dict[str, float]
    restarted: bool = False
