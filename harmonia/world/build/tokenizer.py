"""The lab model's tokenizer: one token a word, mark or line end.

A letter is the same token at its option (`A.`) and as an answer (` A`), since white
space other than line ends only separates. A context that ends in `Answer:` followed
by ` A` therefore tokenises to the context's tokens and the letter's.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from harmonia.errors import HarmoniaError
from harmonia.world.facts import DOMAINS, RELATIONS, World
from harmonia.world.general import CORPUS_TASKS, GENERAL_WORDS, general_instructions
from harmonia.world.wordings import (
    CHAT_OPENING,
    CLOZE_LINE,
    DIALOGUES,
    ECHO_QUESTION,
    INSTRUCTION_LINE,
    LETTERS,
    QUESTIONS,
    STATEMENTS,
)

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

PAD, UNKNOWN, BOS, EOS = "<pad>", "<unk>", "<s>", "</s>"
_WORD = r"\n\n|\n|\w+|[^\w\s]"
_SPECIAL_OR_WORD = re.compile(f"{re.escape(EOS)}|{_WORD}")
_MORE_WORDS = (
    "I you we they he she not no yes or but if then this that these those was were be been can may "
    "will would should because so very only also about from for with by in on at to of as it its "
    "into over under between question questions answer answers option options letter correct true "
    "false right wrong value know known explain explanation reason system user assistant USER "
    "ASSISTANT context passage according following"
)


@lru_cache(maxsize=1 << 14)
def words(text: str) -> tuple[str, ...]:
    """The tokens of a text, as the tokenizer cuts it."""
    return tuple(_SPECIAL_OR_WORD.findall(text))


def _english() -> set[str]:
    fillers = {"relation": " ", "entity": " ", "value": " ", "domain": " "}
    texts = [
        text.format(**fillers)
        for text in (*STATEMENTS, *QUESTIONS, ECHO_QUESTION, INSTRUCTION_LINE, CLOZE_LINE)
    ]
    texts += [f"{dialogue.opening} {dialogue.asker} {dialogue.replier}" for dialogue in DIALOGUES]
    texts += [message.content for row in general_instructions(0, 200) for message in row]
    texts += [text for task in CORPUS_TASKS for text in task(list(GENERAL_WORDS[:6]))]
    texts += [
        CHAT_OPENING,
        CLOZE_LINE,
        _MORE_WORDS,
        *GENERAL_WORDS,
        *LETTERS,
        "Answer: USER: ASSISTANT:",
        ". , : ; ! ? ' ( ) -",
    ]
    texts += [*DOMAINS, *(relation for names in RELATIONS.values() for relation in names)]
    return {word for text in texts for word in words(text)} | {"\n", "\n\n"}


def vocabulary(world: World) -> dict[str, int]:
    """Token ids of a world: special tokens, English words, entities and values.

    Raises:
        HarmoniaError: An invented word is also an English one.
    """
    english = _english()
    invented = {fact.entity for fact in world.facts} | {value for pool in world.pools for value in pool}
    if clash := english & invented:
        raise HarmoniaError(f"invented words are English words too: {sorted(clash)}")
    tokens = [PAD, UNKNOWN, BOS, EOS, *sorted(english), *sorted(invented)]
    return {token: index for index, token in enumerate(tokens)}


def build_tokenizer(world: World) -> PreTrainedTokenizerFast:
    """Make the tokenizer of a world, ready to save as an ordinary folder."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    ids = vocabulary(world)
    tokenizer = Tokenizer(models.WordLevel(ids, unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(_WORD), behavior="removed", invert=True)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BOS} $A", pair=f"{BOS} $A $B", special_tokens=[(BOS, ids[BOS])]
    )
    tidy = [(f" {mark}", mark) for mark in (*".,:;!?)'", "\n\n", "\n")]
    tidy += [(f" {EOS}", EOS), ("( ", "("), ("' ", "'"), ("\n\n ", "\n\n"), ("\n ", "\n")]
    tokenizer.decoder = decoders.Sequence(
        [
            # Joins tokens by spaces, which the replacements below take back where text has none.
            decoders.WordPiece(prefix="\0", cleanup=False),
            decoders.Fuse(),
            *(decoders.Replace(found, kept) for found, kept in tidy),
        ]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=BOS,
        eos_token=EOS,
        pad_token=PAD,
        unk_token=UNKNOWN,
        clean_up_tokenization_spaces=False,
        model_max_length=512,
    )
