"""The border to the libraries that read models: whatever they raise becomes one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from harmonia.errors import HarmoniaError, InputError, MissingExtraError
from harmonia.models.memory import out_of_memory


@contextmanager
def refused(problem: str, *, file: str | Path, remedy: str) -> Iterator[None]:
    """Let what a library raises on somebody's model be an `InputError`.

    Broken files end in errors of every class, in code that expects whole ones.

    Raises:
        InputError: The block raised anything but an error of harmonia's own or a lack of
            memory.
    """
    try:
        yield
    except HarmoniaError:
        raise
    except Exception as error:
        if out_of_memory(error):
            raise
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        said = " ".join([f"{type(error).__name__}:", *lines[:2]])[:200]
        raise InputError(f"{problem} ({said})", file=file, remedy=remedy) from error


def needed(library: str, *, by: str, extra: str) -> Any:
    """A library that not every installation has.

    Raises:
        MissingExtraError: This one has not.
    """
    try:
        return import_module(library)
    except ImportError as error:
        remedy = f"Install it: pip install 'harmonia[{extra}]'."
        raise MissingExtraError(f"{by} need the library {library}", remedy=remedy) from error
