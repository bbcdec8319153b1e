"""What stands behind a letter score: the prompt, its tokens, the letters, and what else was likely."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from harmonia.errors import InputError
from harmonia.models import Scorer
from harmonia.prompts import LETTERS, Encoder, Form, Request, Template, encode_prompt, plain_text
from harmonia.prompts.encode import WITHOUT_LETTERS
from harmonia.types import Item, Prompt

NEAR_ZERO_MASS = 0.01
"""Letter mass below which a letter score says little of what the model would answer."""
_AROUND = 12
_OTHERS = 10

EXAMPLE = Item(
    id="example",
    domain="general_knowledge",
    question="Which of these is a planet?",
    choices=("Sirius", "the Moon", "Saturn", "the Sun"),
    answer=2,
)
EXAMPLE_SHOTS = tuple(
    Item(id=f"shot{k}", domain=EXAMPLE.domain, question=question, choices=choices, answer=answer)
    for k, (question, choices, answer) in enumerate(
        (
            ("How many days has a week?", ("five", "seven", "nine", "twelve"), 1),
            ("Which of these is a metal?", ("iron", "wood", "glass", "paper"), 0),
            ("What do bees make?", ("milk", "silk", "salt", "honey"), 3),
            ("In which season are the days the longest?", ("autumn", "winter", "summer", "spring"), 2),
            ("What is frozen water called?", ("steam", "ice", "sand", "oil"), 1),
        )
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """One token: its id, the vocabulary's spelling, its probability after the prompt (0 to 1).

    `prob` is None where it was not asked for.
    """

    id: int
    spelled: str
    prob: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterScore:
    """What was scored for one letter.

    Attributes:
        letter: The letter.
        tokens: The tokens scored for it, after the prompt's.
        prob: Probability of all of them, 0 to 1.
    """

    letter: str
    tokens: tuple[Token, ...]
    prob: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Everything behind one item's letter score.

    Attributes:
        item_id: The item.
        form: How it was asked.
        preset: The rules of prompt and token ids.
        prompt: The rendered prompt.
        prompt_tokens: Tokens in it.
        first: Its first tokens.
        last: Its last tokens, up to where the answer begins.
        letters: What was scored for each option.
        letter_mass: Probability of all letters together, 0 to 1.
        others: The likeliest next tokens that begin no letter, likeliest first.
        warnings: What makes the score doubtful.
    """

    item_id: str
    form: str
    preset: str
    prompt: str
    prompt_tokens: int
    first: tuple[Token, ...]
    last: tuple[Token, ...]
    letters: tuple[LetterScore, ...]
    letter_mass: float
    others: tuple[Token, ...]
    warnings: tuple[str, ...]


def explain_scoring(
    model: Scorer, item: Item, form: Form, template: Template, shots: tuple[Item, ...] = ()
) -> Explanation:
    """Score one item and tell all about it.

    What the probe would refuse is scored all the same, and warned of.

    The template's text must show letters.

    Raises:
        InputError: The template shows no letters, or a letter leaves no token to score.
    """
    if template.exam.method != "letter":
        raise InputError("cloze scores texts, not letters", field="method", remedy="Use a letter method.")
    encoder = Encoder(model.tokenizer)
    prompt = template.prompt(item, form, shots[: form.shots])
    warnings = []
    try:
        request = encode_prompt(item, form, prompt, template, encoder)
    except InputError as error:
        warnings.append(f"the probe refuses this: {error}")
        request = _as_it_comes(prompt, encoder)
    vocabulary = tuple((token,) for token in range(model.vocabulary))
    found, all_after = model.loglikelihoods([request, replace(request, continuations=vocabulary)])
    logprobs = tuple(one.sum for one in found)
    after = [math.exp(one.sum) for one in all_after]
    letters = tuple(
        LetterScore(letter=letter, tokens=_tokens(encoder, ids, after[ids[0]]), prob=math.exp(value))
        for letter, ids, value in zip(LETTERS, request.continuations, logprobs, strict=False)
    )
    mass = math.fsum(one.prob for one in letters)
    warnings += _front_warnings(request, encoder)
    warnings += _letter_warnings(letters, logprobs, mass)
    warnings += _solved_warnings(prompt, request, item, form, template, encoder)
    return Explanation(
        item_id=item.id,
        form=str(form),
        preset=template.preset,
        prompt=plain_text(prompt.context),
        prompt_tokens=len(request.context),
        first=_tokens(encoder, request.context[:_AROUND]),
        last=_tokens(encoder, request.context[-_AROUND:]),
        letters=letters,
        letter_mass=mass,
        others=_others(encoder, after, {ids[0] for ids in request.continuations}),
        warnings=tuple(warnings),
    )


def _as_it_comes(prompt: Prompt, encoder: Encoder) -> Request:
    """What the tokenizer makes of prompt and letters, whether it can be scored well or not."""
    context, *wholes = encoder.encode(
        [prompt.context, *(prompt.context + text for text in prompt.continuations)]
    )
    tails = tuple(whole[len(context) :] for whole in wholes)
    if not all(tails):
        problem = "the tokenizer joins prompt and letters, so that nothing of them is left to score"
        raise InputError(problem, seen=encoder.tokens(wholes[0][-4:]), remedy=WITHOUT_LETTERS)
    return Request(context=context, continuations=tails)


def _tokens(encoder: Encoder, ids: tuple[int, ...], prob: float | None = None) -> tuple[Token, ...]:
    """Tokens with their spelling; `prob` is the first one's."""
    probs = [prob, *(None for _ in ids[1:])]
    return tuple(
        Token(id=token, spelled=spelled, prob=value)
        for token, spelled, value in zip(ids, encoder.tokens(ids), probs, strict=False)
    )


def _others(encoder: Encoder, after: Sequence[float], letters: set[int]) -> tuple[Token, ...]:
    ranked = sorted(range(len(after)), key=lambda token: -after[token])
    found = [token for token in ranked if token not in letters][:_OTHERS]
    return tuple(_tokens(encoder, (token,), after[token])[0] for token in found)


def _front_warnings(request: Request, encoder: Encoder) -> list[str]:
    bos, front, context = encoder.tokenizer.bos_token_id, encoder.front, request.context
    if bos is not None and context[:2] == (bos, bos):
        return [f"double BOS: the prompt begins with {encoder.tokens(context[:2])}"]
    if context[: len(front)] != front:
        wanted = "".join(encoder.tokens(front))
        return [f"missing BOS: the tokenizer begins a text with {wanted!r}, this prompt does not"]
    return []


def _letter_warnings(letters: tuple[LetterScore, ...], logprobs: tuple[float, ...], mass: float) -> list[str]:
    found = []
    several = [one for one in letters if len(one.tokens) > 1]
    if several:
        spelled = [token.spelled for token in several[0].tokens]
        names = "".join(one.letter for one in several)
        found.append(f"letters that are not single tokens: {names}; {several[0].letter} is {spelled}")
    if len({tuple(token.id for token in one.tokens) for one in letters}) < len(letters):
        found.append("letters that share a token: they cannot be told apart")
    if mass < NEAR_ZERO_MASS:
        found.append(
            f"near-zero letter mass: {mass:.2g} of the probability, below {NEAR_ZERO_MASS:g}; "
            "the model would say something else"
        )
    tied = [one.letter for one, value in zip(letters, logprobs, strict=True) if logprobs.count(value) > 1]
    if tied:
        found.append(f"exact ties: {', '.join(tied)}; the lowest letter counts as the answer")
    return found


def _solved_warnings(
    prompt: Prompt, request: Request, item: Item, form: Form, template: Template, encoder: Encoder
) -> list[str]:
    """Compare the tokens scored with those of the same text where the answer is given.

    That is a demonstration of the prompt, or a training row in the chat template.
    """
    joint = template.chat.joint() if form.chat else ""
    texts = []
    answers = template.exam.answers(item)
    for answer, text, after in zip(
        answers, prompt.continuations, template.following(item, form), strict=True
    ):
        head = prompt.context + text.removesuffix(answer) if text.endswith(answer) else prompt.context
        texts.append((head if head.endswith(joint) else head + joint) + answer + after)
    for answer, ids, row in zip(answers, request.continuations, encoder.encode(texts), strict=True):
        scored = (*request.context[-1:], *ids)
        # Without the frame that only one of the two may have, ends are compared.
        framed, asked = (ids[: len(encoder.front)] == encoder.front for ids in (row, request.context))
        place = len(request.context) - 1 + len(encoder.front) * (framed - asked)
        if row[place : place + len(scored)] != scored:
            seen = encoder.tokens(row[place : place + len(scored)])
            return [f"a solved example reads {seen} where {encoder.tokens(scored)} is scored for {answer}"]
    return []
