"""Item -> Prompt -> Request: the exam text, the chat wrapper, the demonstrations, and their token ids.

One `Template` serves probe, training, evaluation and export.
"""

from harmonia.prompts.controls import Controls, Spelled, plain_text
from harmonia.prompts.encode import Encoder, Request
from harmonia.prompts.exam import LETTERS, ExamFormat
from harmonia.prompts.rules import Fitted, encode_prompt, fit_prompt, require_encodable
from harmonia.prompts.settings import Form, PromptSettings, parse_form
from harmonia.prompts.shots import ShotPool
from harmonia.prompts.template import Template, build_template

__all__ = [
    "LETTERS",
    "Controls",
    "Encoder",
    "ExamFormat",
    "Fitted",
    "Form",
    "PromptSettings",
    "Request",
    "ShotPool",
    "Spelled",
    "Template",
    "build_template",
    "encode_prompt",
    "fit_prompt",
    "parse_form",
    "plain_text",
    "require_encodable",
]
