"""The first arrow of the flow: exam files -> `Item`s, and instruction files -> `Instruction`s."""

from harmonia.data.columns import ColumnMapping
from harmonia.data.general import Instruction, parse_instructions, read_instructions
from harmonia.data.readers import READERS
from harmonia.data.records import BadRow
from harmonia.data.source import ItemSource, ReadResult, read_items, write_skipped
from harmonia.data.subjects import CATEGORIES, DOMAINS, MMLU_SUBJECTS, subjects_outside

__all__ = [
    "CATEGORIES",
    "DOMAINS",
    "MMLU_SUBJECTS",
    "READERS",
    "BadRow",
    "ColumnMapping",
    "Instruction",
    "ItemSource",
    "ReadResult",
    "parse_instructions",
    "read_instructions",
    "read_items",
    "subjects_outside",
    "write_skipped",
]
