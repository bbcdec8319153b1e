"""Which model: its settings, its folder, and the hash over the files that decide its answers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from harmonia.errors import InputError
from harmonia.hashing import file_sha256, sha256_json
from harmonia.models.border import refused
from harmonia.models.server import is_address
from harmonia.parsing import Settings, hidden_error, read_object, validated

ADAPTER_CONFIG = "adapter_config.json"
BASE_RECORD = "harmonia_base.json"
"""Beside an adapter: the ModelSettings of the base that it belongs to."""

# Files of a model folder that decide what it answers.
_WEIGHTS = ("*.safetensors", "*.gguf")
_WORDS = ("*.json", "*.model", "*.jinja", "*.txt")
_RECORDS = {BASE_RECORD, "training.json", "trainer_state.json"}
_OBJECTS = (
    *("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"),
    *("special_tokens_map.json", "added_tokens.json", ADAPTER_CONFIG, "model.safetensors.index.json"),
)
_POINTER = b"version https://git-lfs"
_POINTER_BYTES = 1024
_ADAPTED = "the adapter's configuration"
_MERGE = "Merge it into its own base first (PEFT's merge_and_unload), and name the result."
_AGAIN = "Copy or download the file again."


class ModelSettings(Settings):
    """Which model, and how to hold it.

    Attributes:
        path: A model folder, an adapter folder, or a hub id.
        gguf_file: Name of a GGUF file in that folder or repository.
        revision: Commit, tag or branch of a hub id.
        dtype: Type of the weights while scoring; part of the result.
        device: Where to run; `auto` takes a GPU if there is one.
        device_map: `auto` spreads a model that is asked over all GPUs; null keeps it on one.
        trust_remote_code: Run Python code that lies in the folder. Without it none is run.
    """

    path: str
    gguf_file: str | None = None
    revision: str | None = None
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    device: str = Field(default="auto", json_schema_extra={"execution": True})
    device_map: Literal["auto"] | None = Field(default=None, json_schema_extra={"execution": True})
    trust_remote_code: bool = False

    @model_validator(mode="before")
    @classmethod
    def _is_not_served(cls, values: Any) -> Any:
        if isinstance(values, dict) and "served" in values:
            raise hidden_error(
                "a served model, where a model's files (path) are needed: it cannot be trained or loaded"
            )
        return values

    @model_validator(mode="after")
    def _has_one_place(self) -> Self:
        if self.device_map and self.device != "auto":
            raise hidden_error("device_map says where the model goes: leave device out")
        return self

    @field_validator("path")
    @classmethod
    def _is_here(cls, path: str) -> str:
        if is_address(path):
            raise hidden_error(
                "an address, where a model's files are needed: a served model is asked (probe, evaluate, "
                "audit, slick, explain-scoring), and cannot be trained or loaded"
            )
        return path


def tuned_settings(base: ModelSettings, folder: Path) -> ModelSettings:
    """A model that was made of another, in its own folder, held as that one was."""
    return base.model_copy(update={"path": str(folder), "gguf_file": None, "revision": None})


def model_folder(settings: ModelSettings) -> Path:
    """The local folder of a model; a hub id is fetched, or found in the hub's cache.

    Raises:
        InputError: There is no such folder, and the hub has no such model or cannot be
            reached. Or a file in it is plainly not what its name says.
    """
    folder = _resolved(settings)
    if settings.gguf_file and not (folder / settings.gguf_file).is_file():
        held = ", ".join(sorted(path.name for path in folder.glob("*.gguf"))) or "no GGUF file"
        remedy = f"The folder holds {held}."
        raise InputError(
            "no such GGUF file", file=folder, field="gguf_file", seen=settings.gguf_file, remedy=remedy
        )
    for path in _deciding(folder, settings):
        if path.stat().st_size < _POINTER_BYTES and _begins(path, _POINTER):
            raise InputError(
                "a git-lfs pointer, not the file itself", file=path, remedy="Fetch it: git lfs pull."
            )
        if path.name in _OBJECTS and not (_begins(path, b"{") and _ends(path, b"}")):
            raise InputError("not a JSON object", file=path, remedy=_AGAIN)
    return folder


def fingerprint(settings: ModelSettings) -> str:
    """Hex sha256 over the files that decide what the model answers, and its dtype.

    Raises:
        InputError: There is no such model.
    """
    folder = model_folder(settings)
    names = {path.relative_to(folder).as_posix(): path for path in _deciding(folder, settings)}
    with ThreadPoolExecutor() as pool:
        hashes = dict(zip(names, pool.map(_identity, names.values()), strict=True))
    base = fingerprint(adapter_base(folder, settings)) if is_adapter(folder) else None
    trusted = {"trust_remote_code": True} if settings.trust_remote_code else {}
    return sha256_json({"files": hashes, "base": base, "dtype": settings.dtype, **trusted})


def require_unchanged(settings: ModelSettings, noted: str | None) -> None:
    """Hold what has been loaded against the hash noted before; None was noted nowhere.

    Raises:
        InputError: The files are others now.
    """
    if noted is not None and fingerprint(settings) != noted:
        problem = "the model's files have changed since this run noted them"
        remedy = "Leave them alone while a run is at work, and start it again."
        raise InputError(problem, file=settings.path, remedy=remedy)


def require_whole(settings: ModelSettings) -> None:
    """Refuse to train what is an adapter already.

    Raises:
        InputError: It is one, or there is no such model.
    """
    folder = model_folder(settings)
    if is_adapter(folder):
        raise InputError("an adapter is not trained further", file=folder, remedy=_MERGE)


def is_adapter(folder: Path) -> bool:
    """Whether a folder holds an adapter to another model."""
    return (folder / ADAPTER_CONFIG).is_file()


def adapter_base(folder: Path, adapter: ModelSettings) -> ModelSettings:
    """The base model that an adapter folder belongs to.

    Its dtype, where it goes, and whether code is trusted, which no file in the folder can grant, hold for the
    base too.

    Raises:
        InputError: The adapter does not say, or says another adapter.
    """
    record, config = folder / BASE_RECORD, folder / ADAPTER_CONFIG
    if record.exists():
        values = read_object(record, what="the record of the base model", remedy=_AGAIN)
        base = validated(ModelSettings, values, file=record, remedy=_AGAIN)
    else:
        named = read_object(config, what=_ADAPTED, remedy=_AGAIN).get("base_model_name_or_path")
        if not isinstance(named, str):
            problem = "the adapter does not name its base model"
            remedy = "Write the base model's folder or hub id there."
            raise InputError(problem, file=config, field="base_model_name_or_path", seen=named, remedy=remedy)
        base = ModelSettings(path=named)
    source = record if record.exists() else config
    try:
        inner = _resolved(base)
    except InputError as error:
        remedy = "Write there where it is now, a folder or a hub id."
        raise InputError(
            "the adapter's base model is not to be found", file=source, seen=base.path, remedy=remedy
        ) from error
    if is_adapter(inner):
        problem = "the adapter's base is an adapter itself"
        raise InputError(problem, file=source, seen=base.path, remedy=_MERGE)
    held = ("dtype", "device_map", "trust_remote_code")
    return base.model_copy(update={name: getattr(adapter, name) for name in held})


def brings_code(folder: Path) -> bool:
    """Whether a folder asks for Python code of its own."""
    named = (folder / name for name in ("config.json", "tokenizer_config.json"))
    return any(path.is_file() and b'"auto_map"' in path.read_bytes() for path in named)


def _resolved(settings: ModelSettings) -> Path:
    folder = Path(settings.path).expanduser()
    if folder.is_dir():
        return folder
    if folder.is_absolute() or settings.path.startswith((".", "~")) or settings.path.count("/") != 1:
        remedy = "Give a model folder or a hub id."
        raise InputError("no such model folder", field="model", seen=settings.path, remedy=remedy)
    return _fetched(settings.path, settings.revision, settings.gguf_file)


@cache
def _fetched(name: str, revision: str | None, gguf_file: str | None) -> Path:
    """The folder of a hub id; asked for once, so that a process reads one commit of a branch."""
    from huggingface_hub import snapshot_download

    wanted = [gguf_file] if gguf_file else None
    with refused(
        "neither a model folder nor a model that the hub can give now",
        file=name,
        remedy="Give the path of a folder with config.json, weights and tokenizer.",
    ):
        return Path(snapshot_download(name, revision=revision, allow_patterns=wanted))


def _deciding(folder: Path, settings: ModelSettings) -> list[Path]:
    # A tokenizer beside a GGUF file is read rather than the one in it.
    patterns = _WORDS if settings.gguf_file else (*_WEIGHTS, *_WORDS)
    files = {path for pattern in patterns for path in folder.glob(pattern) if path.is_file()}
    if settings.gguf_file:
        files.add(folder / settings.gguf_file)
    if settings.trust_remote_code:
        files |= set(folder.rglob("*.py"))
    return sorted(path for path in files if path.name not in _RECORDS)


def _begins(path: Path, start: bytes) -> bool:
    with path.open("rb") as handle:
        return handle.read(256).removeprefix(b"\xef\xbb\xbf").lstrip().startswith(start)


def _ends(path: Path, end: bytes) -> bool:
    with path.open("rb") as handle:
        handle.seek(-min(256, path.stat().st_size), 2)
        return handle.read().rstrip().endswith(end)


def _identity(path: Path) -> str:
    """Hash of a file; of an adapter's configuration without the place where its base lay."""
    if path.name != ADAPTER_CONFIG:
        return file_sha256(path)
    values = read_object(path, what=_ADAPTED, remedy=_AGAIN)
    return sha256_json({key: value for key, value in values.items() if key != "base_model_name_or_path"})
