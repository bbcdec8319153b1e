"""Build a lab base: corpus -> training -> an ordinary model folder. Needed by `harmonia lab` alone."""

from harmonia.world.build.base import BuildReport, build_base
from harmonia.world.build.check import BOUNDS, FigureDifference, compare_builds
from harmonia.world.build.mixture import MixtureSettings
from harmonia.world.build.model import ShapeSettings
from harmonia.world.build.tokenizer import build_tokenizer
from harmonia.world.build.training import PretrainingSettings, Progress, StageRecord

__all__ = [
    "BOUNDS",
    "BuildReport",
    "FigureDifference",
    "MixtureSettings",
    "PretrainingSettings",
    "Progress",
    "ShapeSettings",
    "StageRecord",
    "build_base",
    "build_tokenizer",
    "compare_builds",
]
