"""Weights on disk, looked at before they are loaded: safetensors whole and unpickled, GGUF by its header."""

from __future__ import annotations

import math
import struct
from pathlib import Path
from typing import BinaryIO

from harmonia.errors import InputError
from harmonia.models.border import refused
from harmonia.parsing import read_object

WEIGHTS = "model.safetensors"
ADAPTER_WEIGHTS = "adapter_model.safetensors"

_INDEX = f"{WEIGHTS}.index.json"
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
_AGAIN = "Copy or download it again."

# GGUF, versions 2 and 3 (ggml-org/ggml, docs/gguf.md): bytes of the metadata types of fixed size.
# Read here since gguf's own reader takes ten to thirty seconds over what this does in a few tenths.
_GGUF_BYTES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_GGUF_STRING, _GGUF_ARRAY = 8, 9
_GGUF_AXES = 4


def require_weights(folder: Path, name: str = WEIGHTS) -> None:
    """See that the safetensors files of a folder are there and whole.

    For a model's weights, an index and its shards may stand for the file.

    Raises:
        InputError: One is missing, cut short or no safetensors file, or there are only
            pickles, which can run any code when they are read.
    """
    from safetensors import safe_open

    index = folder / _INDEX
    names = [name]
    if name == WEIGHTS and not (folder / name).is_file() and index.is_file():
        mapped = read_object(index, what="the index of the weights", remedy=_AGAIN)
        with refused("not an index of weights", file=index, remedy=_AGAIN):
            names = sorted({str(shard) for shard in mapped["weight_map"].values()})
        for shard in names:
            if not (folder / shard).is_file():
                raise InputError("a shard of the weights is not there", file=index, seen=shard, remedy=_AGAIN)
    elif not (folder / name).is_file():
        raise _without_weights(folder, name)
    for shard in names:
        path = folder / shard
        with refused("not whole, or no safetensors file", file=path, remedy=_AGAIN), safe_open(path, "pt"):
            pass


def _without_weights(folder: Path, name: str) -> InputError:
    pickled = sorted(path.name for pattern in _PICKLES for path in folder.glob(pattern))
    if pickled:
        return InputError(
            f"its weights are pickled: there is no {name}",
            file=folder,
            seen=pickled,
            remedy="Reading a pickle can run any code. Convert it where you trust it: load it with "
            "transformers, and save_pretrained writes safetensors.",
        )
    return InputError(
        f"no weights: there is no {name}",
        file=folder,
        remedy="Give a folder with config.json and safetensors, or name its GGUF file (gguf_file).",
    )


def gguf_elements(path: Path) -> int:
    """Numbers that the tensors of a GGUF file hold together.

    Raises:
        InputError: It is not a GGUF file of version 2 or 3.
    """
    with refused("not a GGUF file that can be read", file=path, remedy=_AGAIN), path.open("rb") as handle:
        magic, version, tensors, pairs = struct.unpack("<4sIQQ", handle.read(24))
        if magic != b"GGUF" or version not in (2, 3):
            raise ValueError(f"it begins with {magic!r}, version {version}")
        for _ in range(pairs):
            _skip_text(handle)
            _skip_value(handle, *_numbers(handle, "<I"))
        elements = 0
        for _ in range(tensors):
            _skip_text(handle)
            (axes,) = _numbers(handle, "<I")
            if axes > _GGUF_AXES:
                raise ValueError(f"a tensor of {axes} axes")
            elements += math.prod(_numbers(handle, f"<{axes}Q"))
            handle.seek(12, 1)  # type and offset
    return elements


def _numbers(handle: BinaryIO, layout: str) -> tuple[int, ...]:
    return struct.unpack(layout, handle.read(struct.calcsize(layout)))


def _skip_text(handle: BinaryIO) -> None:
    (length,) = _numbers(handle, "<Q")
    handle.seek(length, 1)


def _skip_value(handle: BinaryIO, kind: int) -> None:
    if kind == _GGUF_STRING:
        _skip_text(handle)
    elif kind == _GGUF_ARRAY:
        inner, count = _numbers(handle, "<IQ")
        if inner in _GGUF_BYTES:
            handle.seek(count * _GGUF_BYTES[inner], 1)
        else:
            for _ in range(count):
                _skip_value(handle, inner)
    else:
        handle.seek(_GGUF_BYTES[kind], 1)
