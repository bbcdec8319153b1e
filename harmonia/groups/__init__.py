"""Belief + Item -> Group: training sets that agree with a model or contradict it on purpose."""

from harmonia.groups.build import BuiltGroups, GroupsSummary, build_groups, summary_of
from harmonia.groups.group_files import write_group
from harmonia.groups.names import GroupName
from harmonia.groups.plan import WantedTexts, wanted_texts
from harmonia.groups.select import select
from harmonia.groups.settings import GroupSettings, PolicySettings

__all__ = [
    "BuiltGroups",
    "GroupName",
    "GroupSettings",
    "GroupsSummary",
    "PolicySettings",
    "WantedTexts",
    "build_groups",
    "select",
    "summary_of",
    "wanted_texts",
    "write_group",
]
