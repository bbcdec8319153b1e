"""A folder of training sets, with what differs between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from harmonia.files import write_json
from harmonia.groups.build import BuiltGroups, GroupsSummary, summary_of
from harmonia.groups.confounds import CONFOUNDS, TARGET_LETTERS, differences
from harmonia.groups.group_files import write_group
from harmonia.types import Belief

SUMMARY = "summary.json"
"""What every such folder holds."""


def folder_files(names: Sequence[str], folder: str = ".") -> tuple[str, ...]:
    """All files of a folder of training sets of these names, as paths from where the folder is."""
    tables = (*CONFOUNDS.files(folder), *TARGET_LETTERS.files(folder))
    return *(f"{folder}/{name}.jsonl" for name in names), *tables, f"{folder}/{SUMMARY}"


def write_groups(
    folder: Path,
    built: BuiltGroups,
    beliefs: Sequence[Belief],
    *,
    domain: str,
    threshold: float,
    seed: int | None = None,
) -> GroupsSummary:
    """Write each set as NAME.jsonl, two tables of what differs between them, and a summary.

    Args:
        folder: Where.
        built: The sets.
        beliefs: What they were built from.
        domain: What the tables call the domain.
        threshold: Confidence, 0 to 1, above which a belief counted.
        seed: Fine-tuning seed of a run that they were drawn for; None outside a run.

    Returns:
        The summary.
    """
    for name, rows in built.rows.items():
        write_group(folder / f"{name}.jsonl", rows)
    confounds, letters = differences(domain, built.rows, beliefs, seed)
    CONFOUNDS.write(folder, confounds)
    TARGET_LETTERS.write(folder, letters)
    summary = summary_of(built, beliefs, threshold)
    write_json(folder / SUMMARY, asdict(summary))
    return summary
