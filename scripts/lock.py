"""Lock what the Makefile installs, with hashes: `make lock`.

    requirements/common.txt   everything but torch and what only GPUs need
    requirements/gpu.txt      torch and what it needs on a GPU

`requirements/cpu.txt`, torch for machines without a GPU, is written by hand; its version of
torch is locked here too. Only metadata is fetched, no package.

No version goes back: without that the newest of one library brings an old one of another, from
before it said which it bears. Where one must, delete its line in the lock.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

REQUIREMENTS = Path(__file__).resolve().parent.parent / "requirements"
_FOR_GPU = re.compile(r"(torch|triton|liger-kernel|cuda-[\w-]+|nvidia-[\w-]+)==")
_LOCKED = re.compile(r"^([\w.-]+)==([^\s;]+)", re.MULTILINE)
_HEAD = "# Written by `make lock`. Install it without dependencies (pip install --no-deps): it names all.\n"


def main() -> None:
    """Resolve all requirements and write both files."""
    torch = re.search(r"^torch==[\d.]+", (REQUIREMENTS / "cpu.txt").read_text(encoding="utf-8"), re.MULTILINE)
    if torch is None:
        sys.exit("requirements/cpu.txt names no version of torch")
    locked = "".join((REQUIREMENTS / name).read_text(encoding="utf-8") for name in ("common.txt", "gpu.txt"))
    floors = [f"{name}>={version}" for name, version in _LOCKED.findall(locked)]
    command = ["uv", "pip", "compile", "pyproject.toml", "--all-extras", "--generate-hashes"]
    command += ["--python-version", "3.11", "--python-platform", "linux", "--no-header", "--no-annotate"]
    made = subprocess.run(
        [*command, "--constraints", "-"],
        cwd=REQUIREMENTS.parent,
        input="\n".join([torch[0], *floors]),
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        sys.exit(made.stderr)
    # One requirement begins at the margin; its hashes are indented below it.
    entries = re.findall(r"^\S.*\n(?:\s+.*\n)*", made.stdout, re.MULTILINE)
    for name, wanted in (("common.txt", False), ("gpu.txt", True)):
        chosen = [entry for entry in entries if (_FOR_GPU.match(entry) is not None) is wanted]
        (REQUIREMENTS / name).write_text(_HEAD + "".join(chosen), encoding="utf-8")
        print(f"requirements/{name}: {len(chosen)} packages")


if __name__ == "__main__":
    main()
