"""The lab world: facts whose truth is known, and a language model that knows some of them.

    World -> corpus -> base model -> Items with what was taught

`write_lab_data` writes the data that goes with a base. Bases of a few seeds ship with the
package (`base_folder`); `harmonia.world.build` makes others. Importing this package loads
neither torch nor transformers.
"""

from harmonia.world.bases import base_folder, base_world, shipped_seeds
from harmonia.world.exam import write_lab_data
from harmonia.world.facts import DOMAINS, KINDS, RELATIONS, Kind, World, WorldSettings
from harmonia.world.free_text import free_questions, instructions
from harmonia.world.general import general_instructions
from harmonia.world.items import SPLITS, LabItem, demonstrations, split_items

__all__ = [
    "DOMAINS",
    "KINDS",
    "RELATIONS",
    "SPLITS",
    "Kind",
    "LabItem",
    "World",
    "WorldSettings",
    "base_folder",
    "base_world",
    "demonstrations",
    "free_questions",
    "general_instructions",
    "instructions",
    "shipped_seeds",
    "split_items",
    "write_lab_data",
]
