"""Arguments of the Python functions, checked: settings, models, beliefs, seeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from harmonia.errors import InputError
from harmonia.models import LocalModel, ModelSettings, fingerprint, load_model
from harmonia.models.served_model import ServedModel
from harmonia.models.server import ServedModelSettings, is_address
from harmonia.parsing import Settings, require_new, table_of_settings
from harmonia.probe import StoredBeliefs
from harmonia.prompts import PromptSettings
from harmonia.results import Beliefs
from harmonia.types import Belief

PromptTable = Mapping[str, Any] | PromptSettings
"""Settings of the table `prompt` of an experiment file."""

_Settings = TypeVar("_Settings", bound=Settings)


def require_kind(given: Any, kinds: tuple[type, ...], field: str, remedy: str) -> None:
    """Require a value of one of some classes."""
    if not isinstance(given, kinds):
        raise InputError("not of the kind needed", field=field, seen=given, remedy=remedy)


def require_answerer(given: Any, field: str) -> None:
    """Require a model that scores and writes."""
    if not (hasattr(given, "loglikelihoods") and hasattr(given, "generate")):
        require_kind(given, (LocalModel,), field, "Give what harmonia.load or harmonia.train gives.")


def answerer_of(given: Any, field: str) -> tuple[str, Callable[[], Any]]:
    """The identity of a model that scores and writes, and what gives it: files are loaded only then."""
    if isinstance(given, str) and is_address(given):
        given = ServedModelSettings(served=given)
    elif isinstance(given, (str, Path)):
        given = ModelSettings(path=str(given))
    if isinstance(given, ModelSettings):
        noted = fingerprint(given)
        return noted, lambda: load_model(given, noted)
    if isinstance(given, ServedModelSettings):
        given = ServedModel(given)
    require_answerer(given, field)
    return given.identity, lambda: given


def require_beliefs(given: Any, field: str) -> None:
    """Require beliefs of items that each stand once; a repeated one would count twice."""
    if isinstance(given, (str, Path)) or not isinstance(given, Sequence):
        raise InputError(
            "not a sequence of beliefs",
            field=field,
            seen=given,
            remedy="Give what harmonia.probe or harmonia.read_beliefs gives.",
        )
    if isinstance(given, StoredBeliefs):  # the file was checked
        return
    first: dict[str, int] = {}
    for number, belief in enumerate(given, start=1):
        require_kind(belief, (Belief,), field, "Give what harmonia.probe or harmonia.read_beliefs gives.")
        require_new(first, belief.item.id, file=field, row=number)


def require_seed(seed: Any) -> None:
    """Require a seed."""
    if type(seed) is not int or not 0 <= seed < 2**32:
        raise InputError("not a seed", field="seed", seen=seed, remedy="Give 0 to 2**32 - 1.")


def checked(model: type[_Settings], table: str, values: Mapping[str, Any] | Settings | None) -> _Settings:
    """Settings of a table, given as a mapping, as such settings, or not at all."""
    return values if isinstance(values, model) else table_of_settings(model, values or {}, table)


def words_of(beliefs: Sequence[Belief], prompt: PromptTable | None) -> PromptSettings:
    """How questions are worded: as the beliefs were asked, but for what is given."""
    if isinstance(prompt, PromptSettings):
        return prompt
    asked = beliefs.prompt if isinstance(beliefs, Beliefs) else None
    if asked is not None and prompt is None:
        return asked
    # Training must speak as the probe did: beliefs taken by cloze are taught as texts.
    known = asked.model_dump(exclude_unset=True) if asked else {}
    if not known and not (prompt and "method" in prompt):
        words = sum(belief.method == "cloze" for belief in beliefs)
        if 0 < words < len(beliefs):
            raise InputError(
                f"{words} of {len(beliefs)} beliefs were asked in words, the others by letters",
                field="method",
                remedy="Give beliefs of one method, or word all rows by prompt={'method': ...} (Python).",
            )
        known = {"method": "cloze" if words else "letter"}
    return checked(PromptSettings, "prompt", {**known, **(prompt or {})})
