"""Belief + Item -> Group: training sets that agree with a model or contradict it on purpose."""

from harmonia.groups.build import BuiltGroups, build_groups
from harmonia.groups.interventions import INTERVENTIONS
from harmonia.groups.records import TrainingRow, read_training_rows, write_group
from harmonia.groups.select import Selection, select
from harmonia.groups.settings import GroupSettings, mixed_name

__all__ = [
    "INTERVENTIONS",
    "BuiltGroups",
    "GroupSettings",
    "Selection",
    "TrainingRow",
    "build_groups",
    "mixed_name",
    "read_training_rows",
    "select",
    "write_group",
]
