"""Journals keep every whole line, whatever happened to the others."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from harmonia.journal import Chunks, note, noted, write_notes

ENTRIES = [{"start": 0, "text": "ü\u2028"}, {"start": 1, "probs": [0.1, 1e-17]}, {"start": 2}]


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    path = tmp_path / "made" / "journal.jsonl"
    for entry in ENTRIES:
        note(path, entry)
    return path


def test_what_is_noted_is_read_and_is_json_lines(journal: Path) -> None:
    assert noted(journal) == ENTRIES
    lines = [json.loads(line) for line in journal.read_text().split("\n")[:-1]]
    assert [line["start"] for line in lines] == [0, 1, 2]
    assert noted(None) == noted(journal.with_name("none")) == []
    note(None, {"start": 0})
    write_notes(journal, ENTRIES[1:])
    assert noted(journal) == ENTRIES[1:]


def test_a_line_cut_short_is_dropped_and_not_grown_onto(
    journal: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole = journal.read_bytes()
    for cut in range(1, 40):
        journal.write_bytes(whole[:-cut])
        found = noted(journal)
        assert found == ENTRIES[: len(found)] and len(found) == whole[:-cut].count(b"\n")
        note(journal, {"start": 9})
        assert noted(journal) == [*found, {"start": 9}]
    assert not caplog.records


@pytest.mark.parametrize("damaged", [b"", b"\0" * 30, b"\xff", b"[]", b"{}", b"[1", b'{"start": 1}', b"null"])
def test_a_damaged_line_costs_no_other_and_is_told(
    journal: Path, damaged: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    first, _, last, _ = journal.read_bytes().split(b"\n")
    journal.write_bytes(b"\n".join((first, damaged, last, b"")))
    assert noted(journal) == [ENTRIES[0], ENTRIES[2]]
    assert "1 of 3 lines are damaged" in caplog.text


def test_any_changed_character_is_noticed(journal: Path) -> None:
    whole = journal.read_bytes()
    second = range(whole.index(b"\n") + 1, whole.rindex(b"\n", 0, -1))
    for place in second:
        changed = bytearray(whole)
        changed[place] ^= 1
        journal.write_bytes(changed)
        assert ENTRIES[0] in noted(journal)
        # White space between values says nothing.
        assert ENTRIES[1] not in noted(journal) or chr(whole[place]) in " \t"


@pytest.mark.parametrize("finished", range(4))
def test_finished_chunks_are_taken_up_whatever_else_stands_there(tmp_path: Path, finished: int) -> None:
    journal = tmp_path / "chunks.jsonl"
    note(journal, {"start": 0, "tallies": [1, 1]})  # of a version that noted otherwise

    def squares(left: int, passes: int, told: list[tuple[int, int]]) -> list[list[tuple[int, str]]]:
        def work(start: int, chunk: Sequence[int]) -> list[tuple[int, str]]:
            nonlocal left
            left -= 1
            if left < 0:
                raise KeyboardInterrupt
            assert list(chunk) == list(range(start, min(start + 2, 5)))
            return [(one * one, "ü") for one in chunk]

        chunks, kind = Chunks(journal, lambda *at: told.append(at)), tuple[int, str]
        return [chunks.results(work, range(5), 2, kind, draw=k, draws=passes) for k in range(passes)]

    with pytest.raises(KeyboardInterrupt):
        squares(finished, 2, [])
    told: list[tuple[int, int]] = []
    with pytest.raises(KeyboardInterrupt):
        squares(5 - finished, 2, [])  # one chunk short
    assert squares(1, 2, told) == [[(k * k, "ü") for k in range(5)]] * 2
    assert told == [(2, 10), (4, 10), (5, 10), (7, 10), (9, 10), (10, 10)]
