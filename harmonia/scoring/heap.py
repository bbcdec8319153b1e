"""Memory that a pass gave back is kept for the next one, not returned to the system.

Activations of a pass are a few MB each. glibc fetches each from the system and gives it
back, page by page: a tenth of the time of a pass on the CPU was spent in page faults
(docs/log.md). What the process holds at its peak stays the same.
"""

from __future__ import annotations

import ctypes
import os
import sys

# malloc.h
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_NEVER = 2**31 - 1
_LARGEST_ONCE = 2**25  # what glibc took for the largest threshold before 2.36
_CHOSEN = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES")
"""With one of these set the user has chosen."""


def keep_freed_memory() -> bool:
    """Have the C library keep what is freed; gives whether it does.

    Does nothing but on glibc, and nothing where the environment already tunes it.
    """
    if not sys.platform.startswith("linux") or any(name in os.environ for name in _CHOSEN):
        return False
    library = ctypes.CDLL(None)
    if not (hasattr(library, "gnu_get_libc_version") and hasattr(library, "mallopt")):
        return False  # musl and others
    large = library.mallopt(_M_MMAP_THRESHOLD, _NEVER) or library.mallopt(_M_MMAP_THRESHOLD, _LARGEST_ONCE)
    return bool(large and library.mallopt(_M_TRIM_THRESHOLD, _NEVER))
