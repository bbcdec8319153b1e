"""The lab world: facts whose truth is known, and a language model that knows some of them.

    World -> corpus -> base model -> Items with what was taught

`build_base` trains a base, `write_lab_data` writes the data that goes with it. Bases
of a few seeds ship with the package (`base_folder`). Importing this package loads
neither torch nor transformers.
"""

from harmonia.world.bases import base_folder, base_world, shipped_seeds
from harmonia.world.build import BuildReport, build_base
from harmonia.world.check import BOUNDS, Difference, compare_builds
from harmonia.world.exam import write_lab_data
from harmonia.world.facts import DOMAINS, KINDS, RELATIONS, Fact, Kind, World, WorldSettings
from harmonia.world.free_text import FreeQuestion, Instruction, free_questions, instructions
from harmonia.world.general import general_instructions
from harmonia.world.items import SPLITS, LabItem, demonstrations, split_items
from harmonia.world.mixture import MixtureSettings
from harmonia.world.model import ModelSettings
from harmonia.world.tokenizer import build_tokenizer
from harmonia.world.training import Progress, StageRecord, TrainingSettings

__all__ = [
    "BOUNDS",
    "DOMAINS",
    "KINDS",
    "RELATIONS",
    "SPLITS",
    "BuildReport",
    "Difference",
    "Fact",
    "FreeQuestion",
    "Instruction",
    "Kind",
    "LabItem",
    "MixtureSettings",
    "ModelSettings",
    "Progress",
    "StageRecord",
    "TrainingSettings",
    "World",
    "WorldSettings",
    "base_folder",
    "base_world",
    "build_base",
    "build_tokenizer",
    "compare_builds",
    "demonstrations",
    "free_questions",
    "general_instructions",
    "instructions",
    "shipped_seeds",
    "split_items",
    "write_lab_data",
]
