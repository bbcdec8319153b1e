"""Where results go: only what harmonia wrote is ever replaced.

A folder that harmonia writes holds a list of its files there (`MARK`). Files of that list
may be replaced or removed when the folder is written again, all others are somebody's. What
stands in the way is told before the work, by `require_file_place` and `require_folder_place`.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from harmonia.errors import HarmoniaError, InputError
from harmonia.files import disk_told, sync, write_text

MARK = ".harmonia"
"""In a folder that harmonia wrote: its files there."""

_TITLE = "Written by harmonia, which replaces these files when it writes here again, and no others:"
_OURS = re.compile(r"\.+harmonia(\..*)?")

Inputs = Iterable[str | Path | None]
"""What a command reads: files and folders; what is not there, and None, are passed over."""


def require_file_place(
    path: Path,
    *,
    inputs: Inputs = (),
    ours: Callable[[Path], bool] | None = None,
    field: str = "out",
) -> None:
    """Require that a file can be written, and that nothing of others is lost by it.

    `inputs` are what is read for it; `field` is how the user named it. `ours` tells whether a file that is
    there was written by harmonia, for the same use; None if any may be replaced. An empty one always may.
    Links are followed.

    Raises:
        InputError: It cannot, or something would be.
    """
    place = _place(path, field)
    if place.is_dir():
        raise InputError("is a folder", file=path, field=field, remedy="Name a file in it.")
    if place.exists() and not place.is_file():
        raise InputError("is not a file", file=path, field=field, remedy="Name a file.")
    _require_writable(place.parent, path, field)
    for one in _there(inputs):
        if _same(place, one) or (place.exists() and _inside(place, one)):
            _refuse_input(path, one, field)
    if ours is not None and place.exists() and place.stat().st_size and not ours(place):
        problem = "there is such a file, and harmonia did not write it"
        raise InputError(problem, file=path, field=field, remedy="Move it away, or give another name.")


def require_folder_place(
    path: Path,
    *,
    inputs: Inputs = (),
    names: Sequence[str] | None = None,
    holds: str | None = None,
    field: str = "out",
) -> None:
    """Require that a folder can be written, and that nothing of others is lost by it.

    `names` will be written in it, beside whatever else it holds; None if the folder is to be harmonia's
    alone. `holds` is a file that every such folder holds: harmonia's folder for another use is not
    replaced. Links are followed.

    Raises:
        InputError: It cannot, or something would be.
    """
    place = _place(path, field)
    if place.exists() and not place.is_dir():
        raise InputError("is not a folder", file=path, field=field, remedy="Name a folder.")
    _require_writable(place, path, field)
    own = own_files(place)
    wanted = [place] if names is None else [place / name for name in names]
    for found in (file for one in wanted for file in _files(one)):
        name = found.relative_to(place).as_posix()
        if name not in own:
            problem = f"the folder holds '{name}', which harmonia did not write"
            raise InputError(problem, file=path, field=field, remedy="Move it away, or give another folder.")
    for one in _there(inputs):
        if any(_inside(one, other) for other in wanted):
            _refuse_input(path, one, field)
    if holds and own and holds not in own:
        problem = f"the folder holds '{min(own)}' and no '{holds}': harmonia wrote it for another use"
        raise InputError(problem, file=path, field=field, remedy="Give another folder.")


def own_files(folder: Path) -> frozenset[str]:
    """Files of a folder that harmonia wrote, relative to it; none if there is no such list."""
    if not (folder / MARK).is_file():
        return frozenset()
    title, *names = (folder / MARK).read_text(encoding="utf-8", errors="replace").split("\n")
    inside = (name for name in names if name and not {"", ".."} & set(name.split("/")))
    return frozenset(inside) if title == _TITLE else frozenset()


def mark(folder: Path, names: Iterable[str]) -> None:
    """Note files of a folder, relative to it, as written by harmonia, instead of those noted before."""
    write_text(folder / MARK, "".join(f"{line}\n" for line in (_TITLE, *sorted(names)) if "\n" not in line))


def remove_own(folder: Path) -> None:
    """Remove what harmonia wrote in a folder, and the folder if nothing else is in it."""
    for name in own_files(folder) | {MARK}:
        place = folder / name
        place.unlink(missing_ok=True)
        with suppress(OSError):  # what is not empty stays
            while place != folder:
                place = place.parent
                place.rmdir()


def scratch(path: Path, what: str) -> Path:
    """Where unfinished work for a folder lies: in it, or beside it as long as it is not there."""
    place = Path(os.path.realpath(path))
    return place / f"{MARK}.{what}" if place.is_dir() else place.with_name(f".{place.name}.{what}")


@contextmanager
def held_alone(lock: Path, problem: str) -> Iterator[None]:
    """Hold a place against a second process; the hold ends with this one.

    Raises:
        HarmoniaError: Another process holds it; `problem` says so.
    """
    from filelock import FileLock, Timeout

    lock.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(lock, blocking=False):
            yield
    except Timeout as error:
        raise HarmoniaError(problem) from error


@contextmanager
def fresh_directory(path: Path, *, keep: bool = False) -> Iterator[Path]:
    """Yield an empty temporary folder that becomes `path` when the block ends well.

    Where `path` is there, harmonia's earlier files in it are replaced; others stay.

    With `keep` earlier files stay that are not written again. Links are followed.
    """
    place = Path(os.path.realpath(path))
    partial = scratch(place, "partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        with disk_told(place):
            partial.mkdir(parents=True)
            yield partial
            _settle(partial, place, keep)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _settle(partial: Path, place: Path, keep: bool) -> None:
    new = {file.relative_to(partial).as_posix() for file in _files(partial)}
    for name in new:
        sync(partial / name)
    if not place.exists():
        for folder in {(partial / name).parent for name in new}:
            sync(folder)
        mark(partial, new)
        os.replace(partial, place)
        sync(place.parent)
        return
    # A mark that names too much, should this be cut off, still names nothing of others.
    old = own_files(place)
    mark(place, old | new)
    for name in () if keep else old - new:
        (place / name).unlink(missing_ok=True)
    for name in sorted(new):
        target = place / name
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(partial / name, target)
        sync(target.parent)
    if not keep:
        mark(place, new)


def _files(path: Path) -> Iterator[Path]:
    """All that is no folder in a folder, or the file itself, but for harmonia's own notes."""
    if not path.is_dir() or path.is_symlink():
        if os.path.lexists(path):
            yield path
        return
    for inner in sorted(path.iterdir()):
        if not _OURS.fullmatch(inner.name):
            yield from _files(inner)


def _place(path: Path, field: str) -> Path:
    try:
        os.fsencode(path).decode("utf-8")
        place = Path(os.path.realpath(path))
        with suppress(FileNotFoundError, NotADirectoryError):
            os.stat(place)
        with suppress(FileNotFoundError, NotADirectoryError):
            os.lstat(place.with_name(f".{place.name}.partial") if place.name else place)
    except (OSError, ValueError) as error:
        problem = f"cannot be written ({getattr(error, 'strerror', None) or 'not a name of a file'})"
        raise InputError(problem, file=path, field=field, remedy="Give another name.") from error
    return place


def _require_writable(folder: Path, path: Path, field: str) -> None:
    above = next(one for one in (folder, *folder.parents) if os.path.lexists(one))
    if not above.is_dir():
        raise InputError(f"{above} is not a folder", file=path, field=field, remedy="Give another place.")
    if not os.access(above, os.W_OK | os.X_OK):
        raise InputError(
            f"nothing can be written in {above}", file=path, field=field, remedy="Give another place."
        )


def _there(inputs: Inputs) -> Iterator[Path]:
    for one in inputs:
        if one is not None and os.path.exists(Path(one).expanduser()):
            yield Path(os.path.realpath(Path(one).expanduser()))


def _same(one: Path, other: Path) -> bool:
    # By the file itself: names may differ in case, or be two of one file.
    return one.exists() and other.exists() and one.samefile(other)


def _inside(path: Path, folder: Path) -> bool:
    return any(_same(one, folder) for one in (path, *path.parents))


def _refuse_input(path: Path, read: Path, field: str) -> None:
    problem = f"writing here would overwrite what is read ({read})"
    raise InputError(problem, file=path, field=field, remedy="Give another name.")
