"""Files of many rows: what is held of them does not grow with their number, and is the same in blocks."""

from __future__ import annotations

import gc
import json
import sys
import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from harmonia.audit import AUDIT_ROWS, ROWS, Audit, AuditSettings, read_rows
from harmonia.audit.folder import write_audit
from harmonia.curate import CurateSettings, curate_audit, open_audit
from harmonia.data.seen import SeenRows
from harmonia.errors import InputError
from harmonia.hashing import FirstDrawn, addressed_order, sample
from harmonia.models import Likelihood, TokenReading
from harmonia.models.fake import FakeModel
from harmonia.prompts import Request

RUN = sys.modules["harmonia.audit.run"]
BOUNDS = (
    *(("audit.run", "BLOCK"), ("audit.survey", "MOST_SHOWN"), ("audit.survey", "MOST_SPOKEN")),
    *(("audit.canaries", "MOST_CANARIES"), ("columns", "_TOGETHER"), ("parsing.parquet", "_BATCH_ROWS")),
    ("prompts.encode", "_LINES_KEPT"),
)
"""How many of what is held of a file, whatever its size."""


class Asked(FakeModel):
    """Knows every third row, and counts what it is asked."""

    def __init__(self) -> None:
        super().__init__(lambda text: {" no": 0.5}, name="third")
        self.requests = 0

    def loglikelihoods(self, requests: Sequence[Request], **_: Any) -> list[tuple[Likelihood, ...]]:
        self.requests += len(requests)
        found = []
        for one in requests:
            several = []
            for ids in one.continuations:
                logprob = -0.1 if sum(ids) % 3 else -9.0
                token = TokenReading(logprob=logprob, entropy=0.2, other=60, other_logprob=-0.3)
                several.append(Likelihood(sum=logprob * len(ids), tokens=(token,) * len(ids)))
            found.append(tuple(several))
        return found


def file_of(rows: int, path: Path) -> Path:
    """Rows of one form, among them multiple choice, one that repeats another and one that is broken."""
    texts = [{"instruction": f"What has number {k}?", "output": f"Thing x{7919 * k}."} for k in range(rows)]
    for k in range(3, rows, 10):
        texts[k] = {"instruction": f"Which has {k}?\nA. tin {k}\nB. iron {k}", "output": "B"}
    broken = ["{broken\n", json.dumps(texts[0]) + "\n"]
    path.write_text("".join([*(json.dumps(one) + "\n" for one in texts), *broken]), encoding="utf-8")
    return path


SETTINGS = AuditSettings(draws=1, samples=0, shots=1, on_bad_row="skip", method="letter")


def audited(path: Path, out: Path, settings: AuditSettings = SETTINGS) -> Asked:
    model = Asked()
    audit = Audit(model, read_rows(path, settings), settings)
    write_audit(out, audit, audit.run(out.with_suffix(".journal")))
    return model


def files_in(folder: Path) -> dict[Path, bytes]:
    return {one.relative_to(folder): one.read_bytes() for one in folder.rglob("*") if one.is_file()}


@pytest.mark.parametrize("rows", [None, 17])
def test_blocks_change_nothing(rows: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = file_of(40, tmp_path / "rows.jsonl")
    settings = SETTINGS.model_copy(update={"sample": rows})
    audited(path, tmp_path / "one", settings)
    monkeypatch.setattr(RUN, "BLOCK", 7)
    audited(path, tmp_path / "several", settings)
    verdicts = AUDIT_ROWS.read(tmp_path / "one")
    assert {row.category for row in verdicts} >= {"known", "conflicting"}
    assert {row.kind for row in verdicts} == {"open", "choice"}
    names = [row.id for row in read_rows(path, settings).rows]
    assert [row.id for row in verdicts] == sample(0, "audit/sample", names, names, rows or 40)
    assert files_in(tmp_path / "one") == files_in(tmp_path / "several")


def test_finished_blocks_are_not_asked_again_and_a_damaged_one_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = file_of(40, tmp_path / "rows.jsonl")
    whole = audited(path, tmp_path / "whole").requests
    monkeypatch.setattr(RUN, "BLOCK", 10)
    first = audited(path, tmp_path / "again").requests
    assert audited(path, tmp_path / "again").requests == 0
    table = tmp_path / "again.journal" / "block-2" / ROWS
    table.write_bytes(table.read_bytes()[:-100])
    third = audited(path, tmp_path / "again").requests
    # Of ten rows one is multiple choice, asked once; the others are read behind a draw, plain and bare.
    assert (whole, first, third) == (4 * 28, 4 * 28, 28) and "made again" in caplog.text
    assert files_in(tmp_path / "whole") == files_in(tmp_path / "again")


def test_a_file_that_changes_under_the_audit_is_refused(tmp_path: Path) -> None:
    path = file_of(10, tmp_path / "rows.jsonl")
    audit = Audit(Asked(), read_rows(path, SETTINGS), SETTINGS)
    path.write_text(path.read_text(encoding="utf-8").replace("number", "letter"), encoding="utf-8")
    with pytest.raises(InputError, match="was changed while it was audited"):
        audit.run()


@pytest.mark.slow  # hundreds of rows, every object traced
def test_memory_does_not_grow_with_the_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in BOUNDS:
        monkeypatch.setattr(sys.modules[f"harmonia.{module}"], name, 64)

    def peak(rows: int) -> int:
        path, out = file_of(rows, tmp_path / f"{rows}.jsonl"), tmp_path / f"audit{rows}"
        gc.collect()  # what is garbage of other tests is freed when it likes
        gc.freeze()  # and how much other tests hold decides how rarely garbage is looked for
        tracemalloc.start()
        audited(path, out)
        curate_audit(open_audit(out), CurateSettings()).save(tmp_path / f"{rows}.set.jsonl")
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        gc.unfreeze()
        return most

    peak(70)  # what is made once
    less, more = peak(150), peak(750)
    # A verdict that is held takes over a kilobyte.
    assert (more - less) / 600 < 500


def test_ids_are_seen_as_by_a_dictionary() -> None:
    seen, plain = SeenRows(), {}
    for line in range(1, 9000):
        name, taught = f"r{line * line % 4001}", f"t{line % 3}"
        before, same = plain.setdefault(name, (line, taught))
        assert seen.first(name, taught, line) == (before, same == taught)


@pytest.mark.parametrize("size", [1, 10, 200])
def test_the_first_drawn_are_the_first_of_the_order(size: int) -> None:
    names = [f"n{k}" for k in range(100)]
    drawn = FirstDrawn[str](size, 3, "stage")
    for name in names:
        drawn.add(name, name.upper())
    assert list(drawn.members) == [name.upper() for name in addressed_order(3, "stage", names)[:size]]
