"""Freed memory is kept: the system's own count of page faults says so."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource, sys, torch
torch.set_num_threads(1)
from harmonia.models.heap import keep_freed_memory
kept = sys.argv[1] == "keep" and keep_freed_memory()
def work():
    # 48 MB each: more than glibc by itself ever keeps (32 MB).
    held = [torch.ones(12 << 20) for _ in range(2)]
    return sum(float(one[0]) for one in held)
for _ in range(5):
    work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    work()
print(int(kept), resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""

glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told to keep memory")


def faults(way: str, **variables: str) -> tuple[int, int]:
    chosen = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES")
    environment = {name: value for name, value in os.environ.items() if name not in chosen}
    done = subprocess.run(
        [sys.executable, "-c", FAULTS, way],
        env=environment | variables,
        capture_output=True,
        text=True,
        check=True,
    )
    kept, count = map(int, done.stdout.split())
    return kept, count


@glibc
def test_freed_memory_is_taken_up_again_without_page_faults() -> None:
    kept, few = faults("keep")
    _, many = faults("leave")
    assert kept == 1
    assert many > 100
    assert few < many / 20


@glibc
def test_a_choice_in_the_environment_stands() -> None:
    assert faults("keep", MALLOC_TRIM_THRESHOLD_="131072")[0] == 0
