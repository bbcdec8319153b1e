"""Freed memory is kept: the system's own count of page faults says so."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource, torch
torch.set_num_threads(1)
from harmonia.models.heap import keep_freed_memory
def work():
    # 48 MB each: more than glibc by itself ever keeps (32 MB).
    held = [torch.ones(12 << 20) for _ in range(2)]
    return sum(float(one[0]) for one in held)
def faults():
    for _ in range(5):
        work()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        work()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
left = faults()
kept = keep_freed_memory()
print(left, int(kept), faults())
"""

glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told to keep memory")


def faults(**variables: str) -> tuple[int, ...]:
    """Page faults of the system's own ways; whether memory is kept then; page faults after that."""
    chosen = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES")
    environment = {name: value for name, value in os.environ.items() if name not in chosen}
    done = subprocess.run(
        [sys.executable, "-c", FAULTS],
        env=environment | variables,
        capture_output=True,
        text=True,
        check=True,
    )
    return tuple(map(int, done.stdout.split()))


@pytest.mark.slow
@glibc
def test_freed_memory_is_taken_up_again_without_page_faults() -> None:
    many, kept, few = faults()
    assert kept == 1
    assert many > 100
    assert few < many / 20


@pytest.mark.slow
@glibc
def test_a_choice_in_the_environment_stands() -> None:
    assert faults(MALLOC_TRIM_THRESHOLD_="131072")[1] == 0
