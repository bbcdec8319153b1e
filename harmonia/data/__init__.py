"""The first arrow of the flow: exam files -> `Item`s, and fine-tuning files -> `Conversation`s."""

from harmonia.data.columns import KNOWN
from harmonia.data.conversations import (
    GENERAL,
    ConversationFile,
    ConversationRows,
    Conversations,
    read_conversations,
)
from harmonia.data.read import ReadResult, read_items, write_skipped
from harmonia.data.source import ColumnMapping, ItemSource, Suite
from harmonia.data.subjects import CATEGORIES, DOMAINS, MMLU_SUBJECTS, subjects_outside

__all__ = [
    "CATEGORIES",
    "DOMAINS",
    "GENERAL",
    "KNOWN",
    "MMLU_SUBJECTS",
    "ColumnMapping",
    "ConversationFile",
    "ConversationRows",
    "Conversations",
    "ItemSource",
    "ReadResult",
    "Suite",
    "read_conversations",
    "read_items",
    "subjects_outside",
    "write_skipped",
]
