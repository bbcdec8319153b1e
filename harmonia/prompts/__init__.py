"""Item -> Prompt -> Request: the exam text, the chat wrapper, the demonstrations, and their token ids.

One `Template` serves probe, training, evaluation and export.
"""

from harmonia.prompts.chat import VICUNA, ChatFormat, Rendered, own_chat, vicuna_chat
from harmonia.prompts.controls import Controls, Spelled, plain_text
from harmonia.prompts.encode import Encoder, Request
from harmonia.prompts.exam import LETTERS, ExamFormat
from harmonia.prompts.rules import Fitted, encode_prompt, fit_prompt
from harmonia.prompts.settings import Form, PromptSettings, parse_form
from harmonia.prompts.shots import ShotPool
from harmonia.prompts.template import Template, build_template

__all__ = [
    "LETTERS",
    "VICUNA",
    "ChatFormat",
    "Controls",
    "Encoder",
    "ExamFormat",
    "Fitted",
    "Form",
    "PromptSettings",
    "Rendered",
    "Request",
    "ShotPool",
    "Spelled",
    "Template",
    "build_template",
    "encode_prompt",
    "fit_prompt",
    "own_chat",
    "parse_form",
    "plain_text",
    "vicuna_chat",
]
