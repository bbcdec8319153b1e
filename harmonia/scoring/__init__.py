"""Prompt -> Scores: the log-likelihood of each continuation, exact to the token.

`letter` and `cloze` are one question to the model: how likely is this text here? A
letter is a continuation of one token.
"""

from harmonia.scoring.encode import Encoder, Request
from harmonia.scoring.fit import Fitted, fit_prompt
from harmonia.scoring.folder import ModelSettings, fingerprint
from harmonia.scoring.likelihood import Scorer, loglikelihoods
from harmonia.scoring.models import LoadedModel, load_model, load_tokenizer
from harmonia.scoring.rules import encode_prompt

__all__ = [
    "Encoder",
    "Fitted",
    "LoadedModel",
    "ModelSettings",
    "Request",
    "Scorer",
    "encode_prompt",
    "fingerprint",
    "fit_prompt",
    "load_model",
    "load_tokenizer",
    "loglikelihoods",
]
