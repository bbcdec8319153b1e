"""`make fuzz`: the readers under atheris. What is wrong must end in an InputError, and in nothing else."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris  # type: ignore[import-not-found]

with atheris.instrument_imports(include=["harmonia"]):
    from bad_inputs import cases

    from harmonia.data import GENERAL, read_conversations
    from harmonia.errors import InputError
    from harmonia.pipeline.settings_file import load_experiment
    from harmonia.probe import read_beliefs

PLACE = Path(tempfile.mkdtemp())
READERS = (
    ("x.jsonl", read_beliefs),
    ("x.csv", read_beliefs),
    ("x.parquet", read_beliefs),
    ("x.jsonl", lambda path: read_conversations(path, what=GENERAL)),
    ("x.json", lambda path: read_conversations(path, what=GENERAL)),
    ("x.yaml", load_experiment),
)


def once(content: bytes) -> None:
    """Read what the fuzzer wrote; its first byte says as what."""
    name, read = READERS[content[0] % len(READERS)] if content else READERS[0]
    path = PLACE / name
    path.write_bytes(content[1:])
    try:
        read(path)
    except InputError as error:
        if "\n" in str(error):
            raise AssertionError(f"more than a line: {error!r}") from error


def begin(seeds: Path) -> Path:
    """What the fuzzer starts from: the broken files of `make faults`, each for the readers of its kind."""
    seeds.mkdir()
    for place, case in enumerate(cases()):
        for name, content in case.files.items():
            for number, (like, _) in enumerate(READERS):
                if Path(name).suffix == Path(like).suffix:
                    (seeds / f"{place}-{number}").write_bytes(bytes([number]) + content)
    return seeds


def main() -> None:
    """Fuzz until the fuzzer's own options say that it is enough."""
    atheris.Setup([*sys.argv, str(begin(PLACE / "seeds"))], once)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
