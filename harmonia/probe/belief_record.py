"""One record of a belief file, checked: each field by itself, then all together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from harmonia.errors import InputError
from harmonia.parsing import NotBlank, validated
from harmonia.prompts import parse_form
from harmonia.types import Belief, Category, Item, Method, Normalisation, Preset

TOLERANCE = 1e-3  # published records carry rounded probabilities
_REMEDY = "A belief needs id, question, choices, answer and probs over the choices."
_MOST = 2**31 - 1
# What a belief says besides its item and its distribution, under the same name in a file.
_AS_IS = (
    "unlisted_mass",
    *("letter_mass", "normalisation", "shots", "prompt", "draws"),
    *("agreement", "agreement_low", "agreement_high", "right_rate", "category", "borderline"),
)


def _form(text: str) -> str:
    try:
        return text if text == "unknown" else str(parse_form(text))
    except InputError as error:
        raise ValueError("neither icl<k> nor chat0") from error


Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Unknown = Literal["unknown"]


class BeliefRecord(BaseModel):
    """The fields of `Belief` and its item as a file has them.

    What only some files say is None; fields of other names are left unread.
    """

    model_config = ConfigDict(extra="ignore", strict=True)

    id: NotBlank | int
    question: NotBlank
    choices: list[NotBlank] = Field(min_length=2, max_length=26)
    answer: int = Field(ge=0)
    probs: list[Share]
    domain: NotBlank | Literal[""] | None = None
    explanation: str | None = None
    source: str | None = None
    split: str | None = None
    cluster: str | None = None
    pred: int | None = None
    confidence: Share | None = None
    correct: bool | None = None
    letter_mass: Share | None = None
    form: Annotated[str, AfterValidator(_form)] | None = None
    method: Method | Unknown | None = None
    preset: Preset | Unknown | None = None
    normalisation: Normalisation | None = None
    shots: int | None = Field(default=None, ge=0, le=_MOST)
    prompt: str | None = None
    asked_probs: list[Share] | None = None
    draws: int | None = Field(default=None, ge=1, le=_MOST)
    agreement: Share | None = None
    agreement_low: Share | None = None
    agreement_high: Share | None = None
    right_rate: Share | None = None
    category: Category | None = None
    borderline: bool | None = None
    unlisted_mass: Share | None = None

    @property
    def best(self) -> int:
        """Index of the largest of `probs`, ties to the lowest."""
        return self.probs.index(max(self.probs))


def checked(values: dict[str, Any], path: Path, row: int) -> BeliefRecord:
    """A record of a file, if it holds together.

    Raises:
        InputError: A field is missing or wrong, or says otherwise than another.
    """
    record = validated(BeliefRecord, values, file=path, row=row, remedy=_REMEDY)
    if problem := _contradiction(record) or _contradicted_draws(record):
        field, said = problem
        raise InputError(said, file=path, row=row, field=field, seen=values[field], remedy=_REMEDY)
    return record


def item_of(values: Mapping[str, Any], path: Path, domain: str | None) -> Item:
    """The item of a record; what it does not say is empty, its source then the file."""
    return Item(
        id=str(values["id"]),
        domain=values["domain"] or domain or "",
        question=values["question"],
        choices=tuple(values["choices"]),
        answer=values["answer"],
        explanation=values["explanation"] or "",
        source=str(path) if values["source"] is None else values["source"],
        split=values["split"] or "",
        cluster=values["cluster"] or None,
    )


def belief_of(item: Item, values: Mapping[str, Any]) -> Belief:
    """The belief of a record about its item."""
    probs, asked = tuple(values["probs"]), values["asked_probs"]
    confidence = max(probs)
    pred = probs.index(confidence)
    said: dict[str, Any] = {name: values[name] or "unknown" for name in ("form", "method", "preset")}
    said |= {name: values[name] for name in _AS_IS}
    return Belief(
        item=item,
        probs=probs,
        pred=pred,
        confidence=confidence,
        correct=pred == item.answer,
        asked_probs=None if asked is None else tuple(asked),
        **said,
    )


def _contradiction(record: BeliefRecord) -> tuple[str, str] | None:
    """(field, problem) of what is wrong with item and distribution."""
    count, probs = len(record.choices), record.probs
    if len({choice.strip() for choice in record.choices}) == 1:
        return "choices", "all options are the same"
    if record.answer >= count:
        return "answer", f"not an index of {count} choices"
    for name, values in (("probs", probs), ("asked_probs", record.asked_probs)):
        if values is not None and len(values) != count:
            return name, f"{len(values)} probs for {count} choices"
        if values is not None and not _is_distribution(values):
            return name, "not a distribution"
    pred = record.best
    if record.pred not in (None, pred):
        return "pred", f"not the index of the largest of probs {probs}"
    if record.confidence is not None and abs(record.confidence - probs[pred]) > TOLERANCE:
        return "confidence", f"not the largest of probs {probs}"
    if record.correct not in (None, pred == record.answer):
        return (
            "correct",
            f"the largest of probs {probs} is {'' if record.correct is False else 'not '}the answer's",
        )
    return None


def _contradicted_draws(record: BeliefRecord) -> tuple[str, str] | None:
    """(field, problem) of what is wrong with how it was asked."""
    form = None if record.form in (None, "unknown") else parse_form(record.form)
    if form is not None and record.shots is not None and record.shots > form.shots:
        return "shots", f"more than form {form} has"
    if record.draws == 1 and record.agreement is not None:
        return "agreement", "one draw agrees with no other"
    low, mean, high = record.agreement_low, record.agreement, record.agreement_high
    if mean is not None and not (0 if low is None else low) <= mean <= (1 if high is None else high):
        return "agreement", f"not between agreement_low {low} and agreement_high {high}"
    right = record.best == record.answer
    if record.category == ("conflicting" if right else "known"):
        return "category", f"its largest probability is {'' if right else 'not '}the answer's"
    return None


def _is_distribution(values: Sequence[float]) -> bool:
    return abs(sum(values) - 1) <= TOLERANCE
