"""The text of a question under each preset.

`corrected` is ours: the context ends in the answer cue, and the white space after it belongs
to the answer. That holds in demonstrations, in training rows and where the score is read.

`repo` renders as the released scripts of Ren et al. (ACL 2024) do. What is known of them:

- a demonstration ends in `Answer:A`, without a space;
- the chat prompt is cut after a trailing space that training tokenises into the answer;
- the score is read at the token of a standalone letter (see `prompts/rules.py`).

Everything else of the prompt (introduction, order, blank lines) is not known, and is the
corrected preset's.

`harness` renders as lm-evaluation-harness 0.4 does for its MMLU tasks
(`tasks/mmlu/default`: description, `doc_to_text`, target delimiter a space, few-shot
delimiter a blank line). In the chat template (`--apply_chat_template`) the description
is the system message and the target delimiter falls away (`api/task.py`,
`construct_requests`). White space at the end of a context is moved into the answer
(`api/model.py`, `_encode_pair`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from harmonia.errors import InputError
from harmonia.prompts.chat import ChatFormat
from harmonia.prompts.exam import ExamFormat
from harmonia.prompts.settings import Form
from harmonia.types import Item, Message, Preset

Rendered = tuple[str, tuple[str, ...]]
"""(context, one continuation per option)."""


def _corrected(
    exam: ExamFormat, chat: ChatFormat, item: Item, form: Form, shots: tuple[Item, ...]
) -> Rendered:
    if form.chat:
        context, joint = chat.opening([Message(role="user", content=exam.block(item))])
    else:
        context, joint = exam.raw_prompt(item, shots, exam.wording.joint), exam.wording.joint
    return context, tuple(f"{joint}{answer}" for answer in exam.answers(item))


def _repo(exam: ExamFormat, chat: ChatFormat, item: Item, form: Form, shots: tuple[Item, ...]) -> Rendered:
    if form.chat:
        context = "".join(chat.opening([Message(role="user", content=exam.block(item))]))
    else:
        context = exam.raw_prompt(item, shots, joint="")
    return context, exam.answers(item)


def _harness(exam: ExamFormat, chat: ChatFormat, item: Item, form: Form, shots: tuple[Item, ...]) -> Rendered:
    asked = _stripped(item)
    if form.chat:
        description = Message(role="system", content=f"{exam.intro(asked)}\n\n")
        context = _with_system(chat, description, Message(role="user", content=exam.block(asked)))
        joint = ""
    else:
        joint = exam.wording.joint
        context = exam.raw_prompt(asked, tuple(map(_stripped, shots)), joint)
    stripped = context.rstrip()
    joint = context[len(stripped) :] + joint
    return stripped, tuple(f"{joint}{answer}" for answer in exam.answers(asked))


def _stripped(item: Item) -> Item:
    return replace(item, question=item.question.strip())


def _with_system(chat: ChatFormat, system: Message, user: Message) -> str:
    from jinja2.exceptions import TemplateError

    try:
        return chat.prompt([system, user])
    except InputError as error:
        if isinstance(error.__cause__, TemplateError):
            # Templates without a system role refuse it; the harness then goes without.
            return chat.prompt([user])
        raise


RENDER: dict[Preset, Callable[[ExamFormat, ChatFormat, Item, Form, tuple[Item, ...]], Rendered]] = {
    "corrected": _corrected,
    "repo": _repo,
    "harness": _harness,
}
