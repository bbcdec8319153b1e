"""Scores -> Belief: what a model believes about each item."""

from harmonia.probe.ask import Asked, ask
from harmonia.probe.belief import belief_of
from harmonia.probe.records import read_beliefs, write_beliefs

__all__ = ["Asked", "ask", "belief_of", "read_beliefs", "write_beliefs"]
