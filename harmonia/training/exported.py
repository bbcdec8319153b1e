"""The chat template that a tuned model's folder is saved with.

Any tool that renders it must get the tokens that were trained on, and TRL's
`assistant_only_loss` the labels. Tools encode what a template writes as it stands, so the
tokenizer's frame is written into it. The assistant's turns are marked with
`{% generation %}`. What stands before a reply stands behind the prompt, too. Which
form gives the very tokens depends on the tokenizer: each is tried on rows of the set.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from harmonia.prompts import Encoder, Template
from harmonia.prompts.controls import TURN
from harmonia.training.encode import IGNORED, Encoded
from harmonia.types import Conversation, Message

_REPLY = "\N{BLACK SQUARE}"
_MARKED = re.compile(r"\{%-?\s*generation\s*-?%\}")

# Around a template that marks nothing: its text is captured with the assistant's turns
# between two characters that no text holds, and written out with the turns marked.
_AROUND = """\
{%- set marked = namespace(turns=[]) -%}
{%- for message in messages -%}
{%- if message.role == 'assistant' and message.content is string -%}
{%- set marked.turns = marked.turns + [dict(message, content=OPEN ~ message.content|trim ~ CLOSE)] -%}
{%- else -%}{%- set marked.turns = marked.turns + [message] -%}{%- endif -%}
{%- endfor -%}
{%- set messages = marked.turns -%}
{%- set whole -%}{{ '' }}TEMPLATE{{ '' }}{%- endset -%}
{%- for part in whole.split(OPEN) -%}
{%- if loop.first -%}{%- set rest = part -%}
{%- else -%}
{%- set said = part.split(CLOSE)[0] -%}
{%- set after = part.split(CLOSE)[1] -%}
{%- set end = END if after.startswith(END) else '' -%}
{%- generation -%}{{ JOINT ~ said ~ end }}{%- endgeneration -%}
{%- set rest = after[end|length:] -%}
{%- endif -%}
{{- rest if loop.last else rest[:rest|length - JOINT|length] -}}
{%- endfor -%}
{%- if add_generation_prompt and not whole.endswith(BEFORE) -%}{{ BEFORE }}{%- endif -%}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """A template to save, and on how many rows it was seen to be right.

    Attributes:
        same_tokens: Rows of which it gives the tokens that were trained on.
        same_prompt: Rows up to whose last turn it gives the tokens that a reply is read after.
        same_mask: Rows of which it marks the tokens that were learned.
    """

    jinja: str
    tried: int
    same_tokens: int
    same_prompt: int
    same_mask: int

    @property
    def about(self) -> dict[str, int]:
        """What `training.json` says of it."""
        return {name: value for name, value in asdict(self).items() if name != "jinja"}

    def notes(self) -> Iterator[str]:
        """What a person should know before another tool uses it."""
        for what, same in (
            ("gives other tokens than were trained on", self.same_tokens),
            ("gives another prompt than was trained on", self.same_prompt),
            ("marks other tokens as the assistant's than were learned", self.same_mask),
        ):
            if same < self.tried:
                yield f"the saved chat template {what}: {self.tried - same} of {self.tried} rows tried"


def exported(template: Template, encoder: Encoder, rows: Sequence[tuple[Conversation, Encoded]]) -> Exported:
    """The form of a template that gives most rows as they were trained on; of equal ones the plainest.

    `rows` are tried, each beside its tokens.
    """
    prompts = encoder.encode([template.opening(row.messages[:-1])[0] for row, _ in rows])
    tried = []
    for jinja in _forms(template, encoder):
        tried.append(_tried(jinja, encoder, rows, prompts))
        if not list(tried[-1].notes()):
            break
    return max(tried, key=lambda one: (one.same_tokens, one.same_prompt, one.same_mask))


def reply_frame(template: Template) -> tuple[str, str, str]:
    """What a template writes around a reply: before it, white space that joins the two, and its end mark."""
    asked = [Message(role="user", content="x")]
    whole = template.chat.conversation([*asked, Message(role="assistant", content=_REPLY)])
    start, stop = whole.turns[-1]
    joint, end = whole.text[start:stop].split(_REPLY)
    return whole.text[len(template.chat.prompt(asked)) : start], joint, end


def _forms(template: Template, encoder: Encoder) -> Iterator[str]:
    own = template.chat.jinja
    bodies = [own] if _MARKED.search(own) else [_around(template), own]
    fronts = [encoder.tokens(encoder.front[:count]) for count in range(len(encoder.front) + 1)]
    for body in bodies:
        for tokens in fronts:
            for space in ("", " ") if tokens else ("",):
                # Some tokenizers set a space before a text, but none behind a mark.
                front = "".join(tokens) + space
                yield f"{{{{ {json.dumps(front)} }}}}{body}" if front else body


def _around(template: Template) -> str:
    """A template that marks the assistant's turns of another that does not."""
    before, joint, end = reply_frame(template)
    values = {"OPEN": TURN[0], "CLOSE": TURN[1], "END": end, "JOINT": joint, "BEFORE": before}
    written = {name: json.dumps(value) for name, value in values.items()}
    # Jinja itself drops one line end at a template's end.
    written["TEMPLATE"] = template.chat.jinja.removesuffix("\n")
    return re.sub(r"\b(?:" + "|".join(written) + r")\b", lambda name: written[name[0]], _AROUND)


def _tried(
    jinja: str,
    encoder: Encoder,
    rows: Sequence[tuple[Conversation, Encoded]],
    prompts: Sequence[tuple[int, ...]],
) -> Exported:
    """Render rows as another tool would, and count those that come out as they were trained on."""
    same_tokens = same_prompt = same_mask = 0
    marks = bool(_MARKED.search(jinja))
    for (row, one), prompt in zip(rows, prompts, strict=True):
        turns = [{"role": turn.role, "content": turn.content} for turn in row.messages]
        try:
            whole = encoder.tokenizer.apply_chat_template(
                turns, chat_template=jinja, return_dict=True, return_assistant_tokens_mask=marks
            )
            asked = encoder.tokenizer.apply_chat_template(
                turns[:-1], chat_template=jinja, add_generation_prompt=True, return_dict=False
            )
        except Exception:  # a form that cannot be rendered gives nothing: the counts say so
            continue
        count = len(one.input_ids)
        same_tokens += tuple(whole["input_ids"][:count]) == one.input_ids
        same_prompt += tuple(asked) == prompt
        learned = [int(label != IGNORED) for label in one.labels]
        same_mask += marks and list(whole["assistant_masks"][:count]) == learned
    return Exported(
        jinja=jinja,
        tried=len(rows),
        same_tokens=same_tokens,
        same_prompt=same_prompt,
        same_mask=same_mask,
    )
