"""Belief + Item -> Group: training sets that agree with a model or contradict it on purpose."""

from harmonia.groups.build import BuiltGroups, build_groups, training_hash
from harmonia.groups.confounds import confounds
from harmonia.groups.interventions import INTERVENTIONS
from harmonia.groups.plan import WantedTexts, wanted_texts
from harmonia.groups.policies import level_of
from harmonia.groups.records import write_group
from harmonia.groups.select import Selection, select
from harmonia.groups.settings import (
    GroupSettings,
    PolicySettings,
    matched_name,
    mixed_name,
    policy_name,
    twin_of,
)

__all__ = [
    "INTERVENTIONS",
    "BuiltGroups",
    "GroupSettings",
    "PolicySettings",
    "Selection",
    "WantedTexts",
    "build_groups",
    "confounds",
    "level_of",
    "matched_name",
    "mixed_name",
    "policy_name",
    "select",
    "training_hash",
    "twin_of",
    "wanted_texts",
    "write_group",
]
