"""Item -> Prompt: the exam text, the chat wrapper and the demonstrations.

One `Template` serves probe, training, evaluation and export.
"""

from harmonia.prompts.chat import VICUNA, ChatFormat, Rendered, own_chat, vicuna_chat
from harmonia.prompts.controls import Controls, Spelled, plain_text
from harmonia.prompts.exam import LETTERS, ExamFormat
from harmonia.prompts.form import Form, parse_form
from harmonia.prompts.settings import PromptSettings
from harmonia.prompts.shots import ShotPool
from harmonia.prompts.template import Template, build_template

__all__ = [
    "LETTERS",
    "VICUNA",
    "ChatFormat",
    "Controls",
    "ExamFormat",
    "Form",
    "PromptSettings",
    "Rendered",
    "ShotPool",
    "Spelled",
    "Template",
    "build_template",
    "own_chat",
    "parse_form",
    "plain_text",
    "vicuna_chat",
]
