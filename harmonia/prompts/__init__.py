"""Item -> Prompt: the exam text, the chat wrapper and the demonstrations.

One `Template` serves probe, training, evaluation and export.
"""

from harmonia.prompts.chat import VICUNA, ChatFormat, own_chat, vicuna_chat
from harmonia.prompts.exam import LETTERS, ExamFormat
from harmonia.prompts.settings import PromptSettings
from harmonia.prompts.shots import ShotPool
from harmonia.prompts.template import Form, Template, build_template, parse_form

__all__ = [
    "LETTERS",
    "VICUNA",
    "ChatFormat",
    "ExamFormat",
    "Form",
    "PromptSettings",
    "ShotPool",
    "Template",
    "build_template",
    "own_chat",
    "parse_form",
    "vicuna_chat",
]
