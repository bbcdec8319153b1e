"""Group -> Checkpoint: supervised fine-tuning on the assistant's tokens only."""

from harmonia.training.encode import Encoded, EncodedSet, EncodedSets, encode_rows
from harmonia.training.settings import LoraSettings, TrainingSettings

__all__ = ["Encoded", "EncodedSet", "EncodedSets", "LoraSettings", "TrainingSettings", "encode_rows"]
