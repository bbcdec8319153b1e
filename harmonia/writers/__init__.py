"""Texts that groups need and data lack: explanations of an answer, contexts of a question.

Who writes is a `Generator` of models/. What it writes is checked, tried again, and dropped
with a reason if it does not come right.
"""

from harmonia.writers.contexts import write_contexts
from harmonia.writers.explanations import write_explanations
from harmonia.writers.settings import ContextSettings, ExplanationSettings, WritingSettings
from harmonia.writers.text_files import TEXTS, Wanted, Written, dropped, read_written, texts, write_written

__all__ = [
    "TEXTS",
    "ContextSettings",
    "ExplanationSettings",
    "Wanted",
    "WritingSettings",
    "Written",
    "dropped",
    "read_written",
    "texts",
    "write_contexts",
    "write_explanations",
    "write_written",
]
