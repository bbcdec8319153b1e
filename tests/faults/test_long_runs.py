"""Thousands of short tasks leave neither open files nor memory behind."""

from __future__ import annotations

import gc
from pathlib import Path

import psutil
import pytest
from bad_inputs import BELIEF, lines
from command_line import harmonia


def _held() -> tuple[int, int]:
    gc.collect()
    me = psutil.Process()
    return me.num_fds(), me.memory_info().rss >> 20


@pytest.mark.slow
def test_commands_leave_no_handle_and_no_memory(tmp_path: Path) -> None:
    (tmp_path / "good.jsonl").write_bytes(lines(BELIEF))
    (tmp_path / "bad.jsonl").write_bytes(lines(BELIEF, {**BELIEF, "id": "q2", "probs": [2]}))

    def work(times: int) -> None:
        for _ in range(times):
            assert (
                harmonia("triage", "--beliefs", "good.jsonl", "--out", "r.csv", cwd=tmp_path).returncode == 0
            )
            assert (
                harmonia("triage", "--beliefs", "bad.jsonl", "--out", "s.csv", cwd=tmp_path).returncode == 2
            )

    work(5)
    handles, memory = _held()
    work(40)
    after, grown = _held()
    assert after <= handles and grown - memory <= 8
