"""Memory that a pass gave back is kept for the next one, not returned to the system.

Activations of a pass are a few MB each. glibc fetches each from the system and gives it
back, page by page; what that costs is in docs/log.md. The process keeps what it held at
its peak.
"""

from __future__ import annotations

import ctypes
import os
import sys

# malloc.h, mallopt(3)
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_NEVER = 2**31 - 1
_LARGEST_STATED = 2**25  # the manual's upper limit on 64 bits; glibc 2.36 takes more
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
    large = library.mallopt(_M_MMAP_THRESHOLD, _NEVER) or library.mallopt(_M_MMAP_THRESHOLD, _LARGEST_STATED)
    return bool(large and library.mallopt(_M_TRIM_THRESHOLD, _NEVER))
