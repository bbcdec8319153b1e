"""Item -> Prompt: the exam text, the chat wrapper and the demonstrations.

One `Template` serves probe, training, evaluation and export.
"""

from harmonia.prompts.chat import VICUNA, ChatFormat, Rendered, own_chat, vicuna_chat
from harmonia.prompts.exam import LETTERS, ExamFormat
from harmonia.prompts.form import Form, parse_form
from harmonia.prompts.settings import PromptSettings
from harmonia.prompts.shots import ShotPool
from harmonia.prompts.template import Template, build_template

__all__ = [
    "LETTERS",
    "VICUNA",
    "ChatFormat",
    "ExamFormat",
    "Form",
    "PromptSettings",
    "Rendered",
    "ShotPool",
    "Template",
    "build_template",
    "own_chat",
    "parse_form",
    "vicuna_chat",
]
