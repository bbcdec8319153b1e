"""Memory that a pass gave back is kept for the next one, but for its largest pieces.

Activations of a pass are a few MB each. glibc fetches each from the system and gives it
back, page by page; what that costs is in docs/log.md. The process keeps what it held of them at
its peak. Logits of a large vocabulary are hundreds of MB and of another size each time. Kept, they
leave holes that the next ones do not fit, and the process grows with each step.
"""

from __future__ import annotations

import ctypes
import os
import sys

# malloc.h, mallopt(3)
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_NEVER = 2**31 - 1
_LARGEST_KEPT = 2**25  # bytes; the manual's upper limit on 64 bits
_CHOSEN = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES")
"""With one of these set the user has chosen."""


def keep_freed_memory() -> bool:
    """Have the C library keep pieces of up to 32 MB that are freed; gives whether it does.

    Does nothing but on glibc, and nothing where the environment already tunes it.
    """
    if not sys.platform.startswith("linux") or any(name in os.environ for name in _CHOSEN):
        return False
    library = ctypes.CDLL(None)
    if not (hasattr(library, "gnu_get_libc_version") and hasattr(library, "mallopt")):
        return False  # musl and others
    return bool(
        library.mallopt(_M_MMAP_THRESHOLD, _LARGEST_KEPT) and library.mallopt(_M_TRIM_THRESHOLD, _NEVER)
    )
