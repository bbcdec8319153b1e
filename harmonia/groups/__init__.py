"""Belief + Item -> Group: training sets that agree with a model or contradict it on purpose."""

from harmonia.groups.build import BuiltGroups, build_groups, training_hash
from harmonia.groups.group_files import write_group
from harmonia.groups.interventions import INTERVENTIONS
from harmonia.groups.names import GroupName
from harmonia.groups.plan import WantedTexts, wanted_texts
from harmonia.groups.select import Selection, select
from harmonia.groups.settings import (
    GroupSettings,
    PolicySettings,
)
from harmonia.groups.summary import GroupsSummary, summary_of

__all__ = [
    "INTERVENTIONS",
    "BuiltGroups",
    "GroupName",
    "GroupSettings",
    "GroupsSummary",
    "PolicySettings",
    "Selection",
    "WantedTexts",
    "build_groups",
    "select",
    "summary_of",
    "training_hash",
    "wanted_texts",
    "write_group",
]
