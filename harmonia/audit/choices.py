"""Multiple-choice rows: told by their text, asked as the probe asks, judged by the belief.

A row is one if it has a single question with options on lines of their own, lettered from A or a. Its
answer names one of them, by its letter ("B", "B. iron", "The answer is B") or its text.
All others are read word by word.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from harmonia.audit.rows import AuditRow
from harmonia.audit.rule import AuditCategory
from harmonia.audit.settings import AuditSettings
from harmonia.hashing import addressed_order
from harmonia.journal import Chunks
from harmonia.models import Scorer
from harmonia.probe import Asked, ProbeSettings, ask
from harmonia.probe.level import level_of
from harmonia.prompts import LETTERS, ExamFormat, PromptSettings, ShotPool, build_template, parse_form
from harmonia.slick.questions import normalised
from harmonia.types import Belief, Conversation, Item

_OPTION = re.compile(r"\s*\(?([A-Za-z])[).:]\s*(\S.*?)\s*")
_SAYS = r"(?i:\s*(?:the )?(?:correct )?answer(?: is)?\s*[:：]?\s*)"
_CUE = re.compile(_SAYS)
_LETTER = re.compile(rf"(?:{_SAYS})?\(?([A-Za-z])(?:[).:,]|\s*$)", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceRow:
    """A multiple-choice row as an item whose answer is the option that the row teaches.

    Attributes:
        options_first: Whether the options stand above the question.
    """

    row: Conversation
    item: Item
    options_first: bool


def choice_of(row: Conversation) -> ChoiceRow | None:
    """A row as multiple choice; None if it is none."""
    if [turn.role for turn in row.messages] != ["user", "assistant"]:
        return None
    lines = row.messages[0].content.strip().splitlines()
    options = _options(lines, LETTERS) or _options(lines, LETTERS.lower())
    if not options:
        return None
    places, texts = list(options), tuple(options.values())
    before, after = lines[: places[0]], [line for line in lines[places[-1] + 1 :] if not _CUE.fullmatch(line)]
    question = "\n".join([*before, *after]).strip()
    answer = _target(row.messages[1].content.strip(), texts)
    if not question or answer is None:
        return None
    item = Item(id=row.id, domain="", question=question, choices=texts, answer=answer)
    return ChoiceRow(row=row, item=item, options_first=not "".join(before).strip())


def _options(lines: Sequence[str], letters: str) -> dict[int, str]:
    """Options by their lines, which blank ones alone may part; none where they are not a question's."""
    found = {k: one for k, line in enumerate(lines) if (one := _OPTION.fullmatch(line)) and one[1] in letters}
    texts = {k: one[2] for k, one in found.items()}
    between = range(min(found, default=0), max(found, default=0))
    lettered = "".join(one[1] for one in found.values()) == letters[: len(found)]
    together = all(k in found or not lines[k].strip() for k in between)
    several = len(found) > 1 and len(set(texts.values())) == len(texts)
    return texts if several and lettered and together else {}


def exam_rows(items: Sequence[Item]) -> tuple[ChoiceRow, ...]:
    """Questions of an exam as rows that teach the right option."""
    written = (
        (number, item, ExamFormat().conversation(item, item.answer, ""))
        for number, item in enumerate(items, 1)
    )
    return tuple(
        ChoiceRow(row=Conversation(id=item.id, line=number, messages=turns), item=item, options_first=False)
        for number, item, turns in written
    )


def _target(said: str, choices: Sequence[str]) -> int | None:
    """The option that an answer names; None if none."""
    first = normalised(said.splitlines()[0])
    if found := _LETTER.match(said):
        place = LETTERS.index(found[1].upper())
        return place if place < len(choices) else None
    return next((k for k, text in enumerate(choices) if normalised(text) == first), None)


def naming(said: str, choices: Sequence[str], option: int) -> str:
    """An answer that names another option in the same words; what explained the old one is left out."""
    said, new = said.strip(), choices[option]
    found = _LETTER.match(said)
    if not found:
        return new
    letter = LETTERS[option] if found[1].isupper() else LETTERS[option].lower()
    head, old = said[: found.start(1)] + letter, choices[LETTERS.index(found[1].upper())]
    rest = next(iter(said[found.end(1) :].splitlines()), "")
    mark = rest[:1] if rest[:1] in tuple(").:") else ""
    after = rest[len(mark) :]
    text = after.lstrip()
    if not text.casefold().startswith(old.casefold()):
        return head + mark
    stop = "." if text[len(old) :].startswith(".") else ""
    return f"{head}{mark}{after[: len(after) - len(text)]}{new}{stop}"


def ask_choices(
    model: Scorer,
    rows: Sequence[ChoiceRow],
    every: Sequence[ChoiceRow],
    settings: AuditSettings,
    chunks: Chunks,
) -> tuple[tuple[AuditRow, ...], Asked | None]:
    """Verdicts on multiple-choice rows, and the asking; None where there are none.

    Args:
        model: Who is asked.
        rows: The rows.
        every: Such rows of the file, to demonstrate with.
        settings: How.
        chunks: Does the work.
    """
    if not rows:
        return (), None
    first = sum(one.options_first for one in every) * 2 > len(every)
    shots = min(settings.shots, len({one.item.question for one in every}) - 1)
    words = PromptSettings(method=settings.method, options_first=first, shots=shots)
    by_id = {one.item.id: one.item for one in every}
    order = addressed_order(settings.seed, "audit/choices", by_id)
    pool = ShotPool(items=tuple(by_id[name] for name in order), seed=settings.seed)
    how = ProbeSettings(draws=settings.draws, seed=settings.seed, batch_tokens=settings.batch_tokens)
    asked = ask(
        model,
        [one.item for one in rows],
        parse_form(words.probe_form),
        build_template(words, model.tokenizer),
        settings=how,
        pool=pool if shots else None,
        chunks=chunks,
    )
    verdicts = tuple(
        _verdict(one, belief, settings, model.rounding)
        for one, belief in zip(rows, asked.beliefs, strict=True)
    )
    return verdicts, asked


def _verdict(one: ChoiceRow, belief: Belief, settings: AuditSettings, rounding: float) -> AuditRow:
    target, pred = belief.item.answer, belief.pred
    others = max(prob for k, prob in enumerate(belief.probs) if k != target)
    rule = settings.rule
    level = level_of(belief, rule.known)
    ends = (rule.guessing,) if belief.category else (rule.guessing, rule.known)
    category: AuditCategory = level
    if level == "uncertain" and belief.confidence <= rule.guessing:
        category = "unknown"
    believed = f"{LETTERS[pred]}. {belief.item.choices[pred]}"
    agreement = 1.0 if belief.agreement is None else belief.agreement
    return AuditRow(
        id=one.row.id,
        line=one.row.line,
        kind="choice",
        category=category,
        confidence=agreement,
        borderline=bool(belief.borderline) or any(abs(belief.confidence - one) < rounding for one in ends),
        conflict=max(0.0, others - belief.probs[target]),
        reason=(
            f'trained "{LETTERS[target]}. {belief.item.choices[target]}" ({belief.probs[target]:.2f}); '
            f'the model believes "{believed}" ({belief.confidence:.2f}, in {agreement:.0%} of the draws)'
        ),
        instruction=one.row.messages[0].content,
        answer=one.row.messages[1].content,
        turn=1,
        trained=belief.probs[target],
        agreement=belief.right_rate,
        steady=belief.agreement,
        own_answer=believed,
        believed=pred,
        target=target,
        choices=belief.item.choices,
        probs=belief.probs,
        tokens=1,
        cut=0,
        shots=belief.shots or 0,
    )
