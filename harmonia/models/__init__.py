"""Request -> likelihoods, prompt -> continuation: whoever answers, exact to the token.

`letter` and `cloze` are one question to a model: how likely is this text here? A letter
is a continuation of one token.
"""

from harmonia.models.folder import ModelSettings, fingerprint
from harmonia.models.load import load_model, load_tokenizer
from harmonia.models.local import LocalModel
from harmonia.models.protocols import (
    Continuation,
    GenerationSettings,
    Generator,
    Likelihood,
    Scorer,
    TokenReading,
    guarded,
)

__all__ = [
    "Continuation",
    "GenerationSettings",
    "Generator",
    "Likelihood",
    "LocalModel",
    "ModelSettings",
    "Scorer",
    "TokenReading",
    "fingerprint",
    "guarded",
    "load_model",
    "load_tokenizer",
]
