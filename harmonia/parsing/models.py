"""pydantic models: values checked against them, and their errors in our words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError

from harmonia.errors import InputError
from harmonia.parsing.described import described, meant

Model = TypeVar("Model")
Table = TypeVar("Table", bound="Settings")

_ABSENT: Any = object()
_SECRET = "secret"


def validated(
    model: type[Model],
    values: Any,
    *,
    file: str | Path | None,
    row: int | None = None,
    remedy: str | Mapping[str, str] = "",
) -> Model:
    """Check values against a model.

    A model is a pydantic model or a dataclass. A remedy by field: the first one goes for all fields that are
    not named.

    Raises:
        InputError: They are not; the message names the field and the value seen.
    """
    try:
        return TypeAdapter(model).validate_python(values)
    except ValidationError as error:
        if not isinstance(remedy, str):
            name = str((*error.errors()[0]["loc"], "")[0])
            remedy = remedy.get(name, next(iter(remedy.values())))
        known = model if isinstance(model, type) and issubclass(model, Settings) else None
        raise input_error(error, values, file=file, row=row, remedy=remedy, known=known) from error


def require_new(
    first: dict[Any, int],
    key: Any,
    *,
    file: str | Path,
    row: int,
    field: str | None = "id",
    problem: str = "the id was used in row {} already",
    remedy: str = "Give each row an id of its own.",
) -> None:
    """Note in `first` the row of a key that may stand once in a file.

    Raises:
        InputError: It stood in another row before, which takes the place of `{}` in the problem.
    """
    if key in first:
        raise InputError(problem.format(first[key]), file=file, row=row, field=field, seen=key, remedy=remedy)
    first[key] = row


def table_of_settings(
    model: type[Table],
    values: Any,
    table: str,
    *,
    remedy: str = "docs/settings.md says what it may be.",
) -> Table:
    """Settings from plain values.

    Args:
        model: Their class.
        values: The values.
        table: Name of the table in an experiment file, for errors; empty for none.
        remedy: What to do where they are wrong.

    Raises:
        InputError: They are wrong; the message names the setting as the experiment file does.
    """
    try:
        return validated(model, values, file=None, remedy=remedy)
    except InputError as error:
        raise error.but(field=".".join(name for name in (table, error.field) if name)) from error


def input_error(
    error: ValidationError,
    values: Any = _ABSENT,
    *,
    file: str | Path | None = None,
    row: int | None = None,
    remedy: str = "",
    known: type[BaseModel] | None = None,
) -> InputError:
    """The first error of a validation, with how many more there are.

    `values` are what was validated: they tell fields from the alternatives of a type that pydantic names
    among them. Of the settings of `known` the one is named that is like an unknown one.
    """
    first, *others = error.errors()
    place = tuple(map(str, first["loc"])) if values is _ABSENT else _fields(first, values)
    # What has no place among the settings, or stands in a whole table, may be a key or a password.
    hidden = first["type"] in ("missing", "extra_forbidden", _SECRET) or isinstance(first["input"], dict)
    seen = first["input"] if place and not hidden else _ABSENT
    problem = first["msg"].removeprefix("Value error, ").rstrip(".")
    if first["type"] == "model_type":
        problem = "a table of settings is needed"
    if known is not None and first["type"] == "extra_forbidden":
        remedy = meant(".".join(place), (one.key for one in described(known, deep=True))) + remedy
    return InputError(
        problem + (f" ({len(others)} more wrong)" if others else ""),
        file=file,
        row=row,
        field=".".join(place) or None,
        remedy=remedy,
        **({} if seen is _ABSENT else {"seen": seen}),
    )


def hidden_error(problem: str) -> PydanticCustomError:
    """What a validator raises about a value that must not be shown, for it may be a secret."""
    return PydanticCustomError(_SECRET, "{problem}", {"problem": problem})


class Settings(BaseModel):
    """Base of all settings: what they do not have, and what is no value of theirs, is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, hide_input_in_errors=True)

    @field_validator("*", mode="before")
    @classmethod
    def _no_number_said_by_yes(cls, value: Any, info: ValidationInfo) -> Any:
        # YAML reads `yes` and `on` as true, and pydantic takes true for 1.
        said = value if isinstance(value, (list, tuple)) else [value]
        kinds = set(type_parts(cls.model_fields[str(info.field_name)].annotation))
        if any(isinstance(one, bool) for one in said) and kinds & {int, float} and bool not in kinds:
            raise ValueError("a number is needed, not true or false")
        return value


def type_parts(annotation: Any) -> Iterator[Any]:
    """A type and, from the outside in, all that it is made of."""
    yield annotation
    for part in get_args(annotation):
        yield from type_parts(part)


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("empty or only white space")
    return text


NotBlank = Annotated[str, AfterValidator(_not_blank)]
"""A text that says something."""


def _fields(error: Any, values: Any) -> tuple[str, ...]:
    """The parts of an error's place that are names or places of values."""
    place: list[str] = []
    for part in error["loc"]:
        try:
            values = values[part]
        except (KeyError, IndexError, TypeError):
            continue
        place.append(str(part))
    return (*place, str(error["loc"][-1])) if error["type"] == "missing" else tuple(place)
