"""Fields that change what a row of a fine-tuning file teaches and that cannot be used.

To leave one out unseen would teach something else, so a row that has one is an error that
says why and what to do.
"""

from __future__ import annotations

from typing import NamedTuple


class Refusal(NamedTuple):
    """Why a field is refused, and what to do about it."""

    problem: str
    remedy: str


TOOLS = Refusal("tools are not taught", "Leave such rows out, or write calls and results into the texts.")
TWO_ANSWERS = Refusal(
    "one answer is preferred to another, and only a single answer can be taught",
    "Keep the answer to teach, as `output` or in `messages`, without the other.",
)
MEDIA = Refusal("only text is taught", "Leave such rows out.")
_THOUGHT = Refusal(
    "a thought beside the text is not taught",
    "Write it into the text as the model should say it, or take it out.",
)
_PART = Refusal("parts of a turn cannot be learned apart", "Mark whole turns with `weight`: 1 or 0.")
_TEMPLATE = Refusal("only some chat templates write it", "Write it into a turn, or take it out.")
_ROW_MARK = Refusal(
    "what of a row is learned is told at its turns",
    "Mark turns with `weight`: 1 or 0; a row that teaches nothing has `weight`: 0 itself.",
)

TOOL_ROLES = frozenset(
    (
        *("tool", "tool_call", "tool_calls", "tool_response", "function", "function_call"),
        *("observation", "ipython"),
    )
)

LEARNED = ("train", "training", "trainable", "train_on_turn", "learn", "learned", "loss", "loss_mask")
"""Marks of a turn that say whether it is learned, besides `weight`; of a whole row none is read."""

MASKED = ("mask", "masked")
"""Marks that say the opposite."""

OF_TURN = {
    **dict.fromkeys(("tools", "functions", "tool_calls", "function_call", "tool_call_id"), TOOLS),
    **dict.fromkeys(("image", "images", "video", "videos", "audio", "audios"), MEDIA),
    **dict.fromkeys(("chosen", "rejected", "chosen_response", "rejected_response", "kto_tag"), TWO_ANSWERS),
    **dict.fromkeys(("thinking", "thinking_blocks", "reasoning", "reasoning_content"), _THOUGHT),
    **dict.fromkeys(("train_detail", "training_detail"), _PART),
    **dict.fromkeys(("chat_template_kwargs", "documents", "refusal"), _TEMPLATE),
}
OF_ROW = {
    **OF_TURN,
    **dict.fromkeys((*LEARNED, *MASKED, "train_on_input", "train_on_inputs"), _ROW_MARK),
}
