"""Scores -> Belief: what a model believes about each item."""

from harmonia.probe.answer_files import write_answers
from harmonia.probe.ask import Asked, FittedPrompts, ask, ask_chunks, chunks_of
from harmonia.probe.belief_files import (
    BELIEFS,
    StoredBeliefs,
    iter_beliefs,
    read_beliefs,
    stored_beliefs,
    write_beliefs,
)
from harmonia.probe.settings import ProbeSettings

__all__ = [
    "BELIEFS",
    "Asked",
    "FittedPrompts",
    "ProbeSettings",
    "StoredBeliefs",
    "ask",
    "ask_chunks",
    "chunks_of",
    "iter_beliefs",
    "read_beliefs",
    "stored_beliefs",
    "write_answers",
    "write_beliefs",
]
