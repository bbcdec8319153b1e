"""Programs of somebody else's, run in this process within bounds: chat templates.

The sandbox of Jinja keeps a template from what it must not reach. It may still loop without end,
or write without end.
"""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

SECONDS = 10.0
"""Longest that one text may take; a long conversation takes some milliseconds."""

CHARACTERS = 50_000_000
"""Longest text; more than any model reads."""

_BYTES = 1 << 30
_STATM = Path("/proc/self/statm")


class TooLongError(Exception):
    """The time is over."""


@contextmanager
def bounded(seconds: float = SECONDS) -> Iterator[None]:
    """Let what takes too long, or more than a GiB of memory, be an error.

    Memory is bounded where the system tells how much there is (Linux), for the whole process meanwhile.

    Raises:
        TooLongError: So many seconds are over.
        MemoryError: There is not so much memory.
    """
    lock, over = threading.Lock(), threading.Event()
    ended = False

    def stop() -> None:
        with lock:
            if not ended:
                over.set()
                caller = ctypes.c_ulong(here)
                ctypes.pythonapi.PyThreadState_SetAsyncExc(caller, ctypes.py_object(TooLongError))

    here = threading.get_ident()
    watch = threading.Timer(seconds, stop)
    watch.daemon = True
    watch.start()
    try:
        with _less_memory():
            yield
    except TooLongError:
        over.clear()  # it has come
        raise TooLongError(f"longer than {seconds:g} s") from None
    except MemoryError:
        raise MemoryError("more than a GiB of memory") from None
    finally:
        with lock:
            ended = True
        watch.cancel()
        if over.is_set():  # it is still to come, and not to whoever is next
            with suppress(TooLongError):
                time.sleep(1)


@contextmanager
def _less_memory() -> Iterator[None]:
    if not _STATM.is_file():
        yield
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    used = int(_STATM.read_text().split()[0]) * resource.getpagesize()
    most = used + _BYTES if soft == resource.RLIM_INFINITY else min(soft, used + _BYTES)
    resource.setrlimit(resource.RLIMIT_AS, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
