"""Build a lab base: corpus -> training -> an ordinary model folder. Needed by `harmonia lab` alone."""

from harmonia.world.build.base import build_base
from harmonia.world.build.check import compare_builds
from harmonia.world.build.mixture import MixtureSettings
from harmonia.world.build.model import ShapeSettings
from harmonia.world.build.tokenizer import build_tokenizer
from harmonia.world.build.training import PretrainingSettings, Progress

__all__ = [
    "MixtureSettings",
    "PretrainingSettings",
    "Progress",
    "ShapeSettings",
    "build_base",
    "build_tokenizer",
    "compare_builds",
]
