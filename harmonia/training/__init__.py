"""Group -> Checkpoint: supervised fine-tuning on the assistant's tokens only."""

from harmonia.training.encode import Encoded, EncodedSets, encode_rows
from harmonia.training.settings import LoraSettings, TrainingSettings

__all__ = ["Encoded", "EncodedSets", "LoraSettings", "TrainingSettings", "encode_rows"]
