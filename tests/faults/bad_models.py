"""Broken and hostile model folders, made anew each time from a tiny one, with what must be said of each."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import load_file, save_file

WEIGHTS = "model.safetensors"


class BadModel(NamedTuple):
    """A folder that is wrong.

    Attributes:
        change: What is done to a whole folder.
        says: Pattern of what is said of it.
        code: What asking it ends with.
        words: Settings it is asked under.
    """

    name: str
    change: Callable[[Path], object]
    says: str
    code: int = 2
    words: tuple[str, ...] = ()


def models() -> list[BadModel]:
    """All of them, in one order."""
    return [
        *_weights(),
        *_headers(),
        *_tensors(),
        *_configurations(),
        *_tokenizers(),
        *_bare(),
        *_strangers(),
        *_templates(),
    ]


def _cut(name: str, at: int, folder: Path) -> None:
    """Keep so many bytes; below 0, all but so many."""
    (folder / name).write_bytes((folder / name).read_bytes()[:at])


def _put(name: str, content: bytes, folder: Path) -> None:
    (folder / name).write_bytes(content)


def _json(name: str, values: dict[str, Any], folder: Path) -> None:
    known = json.loads((folder / name).read_text())
    known |= values
    (folder / name).write_text(json.dumps({key: value for key, value in known.items() if value != "absent"}))


def _weights() -> Iterator[BadModel]:
    for at in (1, 7, 8, 9, 100, 1000, 20_000, -1, -100, -4096, -20_000):
        yield BadModel(f"weights cut at {at}", partial(_cut, WEIGHTS, at), "model.safetensors")
    yield BadModel("weights empty", partial(_put, WEIGHTS, b""), "model.safetensors")
    yield BadModel("weights of NULs", partial(_put, WEIGHTS, b"\0" * 5000), "model.safetensors")
    yield BadModel("weights a page", partial(_put, WEIGHTS, b"<html>Not found</html>"), "model.safetensors")
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
    yield BadModel("weights a pointer", partial(_put, WEIGHTS, pointer), "model.safetensors")
    yield BadModel("no weights", lambda folder: (folder / WEIGHTS).unlink(), "weights")


def _header(change: Callable[[dict[str, Any]], object], folder: Path) -> None:
    content = (folder / WEIGHTS).read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    changed = change(header)
    text = changed if isinstance(changed, bytes) else json.dumps(header).encode()
    (folder / WEIGHTS).write_bytes(struct.pack("<Q", len(text)) + text + content[8 + length :])


def _headers() -> Iterator[BadModel]:
    norm = "model.norm.weight"
    changes: dict[str, Callable[[dict[str, Any]], object]] = {
        "not JSON": lambda header: b"{" * 50,
        "a list": lambda header: b"[]",
        "deep": lambda header: b'{"a":' * 3000,
        "an unknown type": lambda header: header[norm].update(dtype="F7"),
        "another shape": lambda header: header[norm].update(shape=[3, 5]),
        "a shape below 0": lambda header: header[norm].update(shape=[-32]),
        "offsets beyond": lambda header: header[norm].update(data_offsets=[0, 10**12]),
        "offsets reversed": lambda header: header[norm].update(data_offsets=[64, 0]),
        "offsets of texts": lambda header: header[norm].update(data_offsets=["a", "b"]),
        "no offsets": lambda header: header[norm].pop("data_offsets"),
        "a tensor a text": lambda header: header.update({norm: "x"}),
    }
    for name, change in changes.items():
        yield BadModel(f"header: {name}", partial(_header, change), "model.safetensors")
    huge = struct.pack("<Q", 2**62) + b"{}"
    yield BadModel("header: longer than the file", partial(_put, WEIGHTS, huge), "model.safetensors")


def _tensor(change: Callable[[dict[str, torch.Tensor]], object], folder: Path) -> None:
    tensors = load_file(folder / WEIGHTS)
    change(tensors)
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})


def _tensors() -> Iterator[BadModel]:
    for name in ("lm_head.weight", "model.norm.weight", "model.layers.0.self_attn.q_proj.weight"):
        for number in ("nan", "inf", "-inf"):
            change = partial(_fill, name, float(number))
            yield BadModel(f"{number} in {name}", partial(_tensor, change), "finite|number")
        yield BadModel(f"no {name}", partial(_tensor, lambda tensors, name=name: tensors.pop(name)), name)
        cut = lambda tensors, name=name: tensors.update({name: tensors[name][:-1].clone()})  # noqa: E731
        yield BadModel(f"a row less of {name}", partial(_tensor, cut), name)
    whole = lambda tensors: tensors.update(x=torch.ones(3))  # noqa: E731
    yield BadModel("a tensor too many", partial(_tensor, whole), "not the model's")


def _fill(name: str, number: float, tensors: dict[str, torch.Tensor]) -> None:
    tensors[name].view(-1)[0] = number


def _configurations() -> Iterator[BadModel]:
    texts = {"empty": b"", "list": b"[]", "NULs": b"\0" * 99, "cut": b'{"model_type": "lla', "null": b"null"}
    for name, text in texts.items():
        yield BadModel(f"config.json: {name}", partial(_put, "config.json", text), "config")
    yield BadModel("no config.json", lambda folder: (folder / "config.json").unlink(), "config")
    wrong: dict[str, tuple[Any, ...]] = {
        "model_type": ("nonsense", None, 3, "bert"),
        "vocab_size": (0, -1, "x", 3),
        "hidden_size": (0, -32, 33, "x"),
        "num_attention_heads": (0, -1, 7, "x"),
        "num_key_value_heads": (0, 3, "x"),
        "num_hidden_layers": (-1, "x", 99),
        "intermediate_size": (-1, "x", 5),
    }
    for field, values in wrong.items():
        for value in values:
            change = partial(_json, "config.json", {field: value})
            yield BadModel(f"config.json: {field} {value!r}", change, "")


def _tokenizers() -> Iterator[BadModel]:
    for name in ("tokenizer.json", "tokenizer_config.json"):
        for kind, text in {"list": b"[]", "NULs": b"\0" * 99, "cut": b'{"model": {', "empty": b""}.items():
            yield BadModel(f"{name}: {kind}", partial(_put, name, text), "tokenizer")
    yield BadModel("no tokenizer.json", lambda folder: (folder / "tokenizer.json").unlink(), "tokenizer")
    for value in (None, 3, {"type": "BPE"}, {"type": "nonsense"}):
        yield BadModel(
            f"a tokenizer's model {value!r}", partial(_json, "tokenizer.json", {"model": value}), "tokenizer"
        )


def _without(names: tuple[str, ...], folder: Path) -> None:
    """Take special tokens away wherever they are named."""
    _json("tokenizer_config.json", dict.fromkeys(names, "absent"), folder)
    for name in ("config.json", "generation_config.json"):
        if (folder / name).is_file():
            _json(name, {f"{one}_id": None for one in names}, folder)
    (folder / "special_tokens_map.json").unlink(missing_ok=True)


def _bare() -> Iterator[BadModel]:
    """Models that lack what only some uses need, and one whose numbers run over."""
    for names in (("pad_token",), ("bos_token",), ("pad_token", "bos_token")):
        yield BadModel(f"without {', '.join(names)}", partial(_without, names), "", code=0)
    for names in (("eos_token",), ("pad_token", "bos_token", "eos_token")):
        yield BadModel(f"without {', '.join(names)}", partial(_without, names), "end-of-text")
    for number in (3e38, -3e38):
        change = partial(_tensor, partial(_flood, "model.norm.weight", number))
        yield BadModel(f"logits that run over, {number}", change, "finite|number")


def _flood(name: str, number: float, tensors: dict[str, torch.Tensor]) -> None:
    tensors[name].fill_(number)


def _strangers() -> Iterator[BadModel]:
    def pickled(folder: Path) -> None:
        torch.save(load_file(folder / WEIGHTS), folder / "pytorch_model.bin")
        (folder / WEIGHTS).unlink()

    def code(name: str, folder: Path) -> None:
        (folder / "evil.py").write_text("raise SystemExit('it ran')\n")
        where = "config.json" if name == "model" else "tokenizer_config.json"
        kind = (
            {"AutoModelForCausalLM": "evil.M", "AutoConfig": "evil.C"}
            if name == "model"
            else {"AutoTokenizer": ["evil.T", None]}
        )
        values = {"auto_map": kind}
        _json(
            where, values | ({"model_type": "evil"} if name == "model" else {"tokenizer_class": "T"}), folder
        )

    def shard(where: str, folder: Path) -> None:
        names = dict.fromkeys(load_file(folder / WEIGHTS), where)
        (folder / WEIGHTS).unlink()
        (folder / f"{WEIGHTS}.index.json").write_text(json.dumps({"metadata": {}, "weight_map": names}))

    yield BadModel("pickled weights", pickled, "pytorch_model.bin")
    yield BadModel("code of a model", partial(code, "model"), "trust_remote_code")
    yield BadModel("code of a tokenizer", partial(code, "tokenizer"), "trust_remote_code")
    for where in ("other.safetensors", "../other.safetensors", "/etc/passwd", ""):
        yield BadModel(f"a shard at {where!r}", partial(shard, where), "")
    for text in (b"", b"[]", b"{", b'{"weight_map": 3}'):

        def index(folder: Path, text: bytes = text) -> None:
            (folder / WEIGHTS).unlink()
            (folder / f"{WEIGHTS}.index.json").write_bytes(text)

        yield BadModel(f"an index of {text!r}", index, "")


def _templates() -> Iterator[BadModel]:
    many = "{% for i in range(99999) %}{% for j in range(99999) %}"
    texts = {
        "loops": f"{many}{{% endfor %}}{{% endfor %}}",
        "writes": f"{many}{{{{ 'x' * 1000 }}}}{{% endfor %}}{{% endfor %}}",
        "grows": "{{ 'x' * 99999999999 }}",
        "a power": "{{ 9 ** 9 ** 9 }}",
        "calls itself": "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        "reaches": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "no end": "{% for message in messages %}",
        "says nothing": "",
        "chance": "{{ [1, 2] | random }}{{ messages[0].content }}",
    }
    for name, text in texts.items():

        def change(folder: Path, text: str = text) -> None:
            _json("tokenizer_config.json", {"chat_template": text}, folder)
            (folder / "chat_template.jinja").unlink(missing_ok=True)

        yield BadModel(
            f"template: {name}", change, "template", words=("--form", "chat0", "prompt.chat=model")
        )
