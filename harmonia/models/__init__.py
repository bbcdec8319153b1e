"""Request -> log-likelihoods, prompt -> continuation: whoever answers, exact to the token.

`letter` and `cloze` are one question to a model: how likely is this text here? A letter
is a continuation of one token.
"""

from harmonia.models.folder import ModelSettings, fingerprint
from harmonia.models.likelihood import Scorer, loglikelihoods
from harmonia.models.load import LoadedModel, load_model, load_tokenizer

__all__ = [
    "LoadedModel",
    "ModelSettings",
    "Scorer",
    "fingerprint",
    "load_model",
    "load_tokenizer",
    "loglikelihoods",
]
