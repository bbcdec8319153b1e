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
    # 24 MB each, together more than glibc by itself ever keeps (64 MB).
    held = [torch.ones(6 << 20) for _ in range(4)]
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

GROWTH = """
import os, torch
from harmonia.models.heap import keep_freed_memory
keep_freed_memory()
def resident_mb():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 20
before, small = resident_mb(), []
for step in range(8):
    logits = torch.ones((64 + step) << 20)
    small.append(torch.ones(1 << 20))  # stands behind them, and stays
    del logits
print(resident_mb() - before)
"""
"""Eight steps, each with 256 MB or a little more of its own, and 4 MB that stay."""

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
def test_logits_of_another_size_each_step_do_not_make_the_process_grow() -> None:
    done = subprocess.run([sys.executable, "-c", GROWTH], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 256


@pytest.mark.slow
@glibc
def test_a_choice_in_the_environment_stands() -> None:
    assert faults(MALLOC_TRIM_THRESHOLD_="131072")[1] == 0
