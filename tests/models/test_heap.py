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
def faults(mb):
    for step in range(15):
        if step == 5:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        held = [torch.ones(mb << 18) for _ in range(2)]
        del held
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print(int(keep_freed_memory()), faults(24), faults(48))
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
    """Whether memory is kept; page faults with pieces of 24 MB, and with pieces of 48 MB."""
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
def test_freed_memory_is_taken_up_again_without_page_faults_but_for_large_pieces() -> None:
    kept, few, many = faults()
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
    kept, many, _ = faults(MALLOC_MMAP_THRESHOLD_="1048576")
    assert kept == 0 and many > 100
