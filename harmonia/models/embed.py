"""Texts -> vectors: the last hidden states of a model on this machine, pooled over a text's tokens.

Of a causal language model they are averaged, those at the tokenizer's own front tokens left out: the
first of them attracts attention whatever follows. A folder of sentence-transformers says itself how it
pools (`1_Pooling/config.json`); without that file an encoder is averaged, too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harmonia.errors import InputError
from harmonia.models.border import refused
from harmonia.models.checks import require_all_loaded
from harmonia.models.folder import ModelSettings, fingerprint, is_adapter, model_folder
from harmonia.models.load import load_model, load_tokenizer, pick_device
from harmonia.models.local import LocalModel
from harmonia.models.weight_files import require_weights
from harmonia.parsing import read_object
from harmonia.prompts.controls import Controls
from harmonia.prompts.encode import Encoder

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TOGETHER = 4096
"""Tokens of one pass."""
_POOLING = "1_Pooling/config.json"
_REMEDY = "Give a folder with config.json and safetensors: a language model, or an encoder of sentences."

Encode = Callable[[Sequence[str]], Sequence[Sequence[int]]]
Pool = Callable[[Any], Any]
"""States of texts by (text, token, dimension) -> a vector a text."""


def _mean(states_TLD: Any) -> Any:
    return states_TLD.mean(1)


_POOLS: dict[str, Pool] = {
    "pooling_mode_mean_tokens": _mean,
    "pooling_mode_cls_token": lambda states_TLD: states_TLD[:, 0],
    "pooling_mode_lasttoken": lambda states_TLD: states_TLD[:, -1],
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Embedder:
    """Gives texts as vectors of length 1, whose dot product is their cosine.

    Attributes:
        identity: What content addresses hold of it.
        module: A torch module that gives `last_hidden_state`.
        encode: Texts -> token ids, no more than it has positions.
        pool: How a text's states become its vector.
        front: Tokens in front of each text that are not pooled.
    """

    identity: str
    module: Any
    encode: Encode
    pool: Pool = _mean
    front: int = 0

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """A vector for each text, as rows of a matrix.

        Texts of one length are read together, so that none is padded.
        """
        import torch

        ids = [list(one) for one in self.encode(texts)]
        by_length: dict[int, list[int]] = defaultdict(list)
        for place, one in enumerate(ids):
            by_length[len(one)].append(place)
        found: dict[int, Any] = {}
        for length, places in by_length.items():
            size = max(1, _TOGETHER // max(1, length))
            for some in (places[start : start + size] for start in range(0, len(places), size)):
                with torch.no_grad():
                    read = torch.tensor([ids[place] for place in some], device=self.module.device)
                    states = self.module(input_ids=read).last_hidden_state
                    first = min(self.front, length - 1)
                    pooled = self.pool(states[:, first:].float())
                    vectors = torch.nn.functional.normalize(pooled, dim=-1).cpu().numpy()
                found.update(zip(some, vectors, strict=True))
        return np.stack([found[place] for place in range(len(texts))])


def embedder_of(model: LocalModel) -> Embedder:
    """A language model as an embedder."""
    encode, front = _encoding(model.tokenizer, model.max_tokens, closed=False)
    module = model.model.get_decoder()
    return Embedder(identity=model.identity, module=module, encode=encode, front=front)


def load_embedder(settings: ModelSettings) -> Embedder:
    """The model of a folder as an embedder: a causal language model, or an encoder.

    Raises:
        InputError: It is neither, its weights do not fit, or it pools in a way that is not known here.
    """
    folder = model_folder(settings)
    pool = _pool_of(folder)
    named = [] if settings.gguf_file else _architectures(folder)
    if settings.gguf_file or any(one.endswith(("ForCausalLM", "LMHeadModel")) for one in named):
        model = load_model(settings, fingerprint(settings))
        if pool is None:
            return embedder_of(model)
        identity, module, most = model.identity, model.model.get_decoder(), model.max_tokens
        tokenizer = model.tokenizer
    else:
        identity, module = fingerprint(settings), _encoder(settings, folder)
        tokenizer = load_tokenizer(settings)
        most = min(tokenizer.model_max_length, getattr(module.config, "max_position_embeddings", 512))
    encode, _ = _encoding(tokenizer, most, closed=True)
    return Embedder(identity=identity, module=module, encode=encode, pool=pool or _mean)


def _encoding(tokenizer: Any, most: int, *, closed: bool) -> tuple[Encode, int]:
    """Texts -> token ids, so many at most, and those in front; `closed` texts have the tokens behind, too."""
    encoder, guard = Encoder(tokenizer), Controls(tokenizer).guard
    end = tuple(tokenizer("")["input_ids"])[len(encoder.front) :] if closed else ()

    def encode(texts: Sequence[str]) -> list[tuple[int, ...]]:
        rows = encoder.encode([guard(text) or " " for text in texts])
        return [(*one[: most - len(end)], *end) for one in rows]

    return encode, len(encoder.front)


def _architectures(folder: Path) -> list[str]:
    if is_adapter(folder):
        return ["ForCausalLM"]
    named = read_object(folder / "config.json", what="the configuration").get("architectures")
    return [str(one) for one in named] if isinstance(named, list) else []


def _encoder(settings: ModelSettings, folder: Path) -> Any:
    import torch
    from transformers import AutoModel

    require_weights(folder)
    with refused("no encoder can be read", file=folder, remedy=_REMEDY):
        module, info = AutoModel.from_pretrained(
            str(folder),
            dtype=getattr(torch, settings.dtype),
            use_safetensors=True,
            trust_remote_code=settings.trust_remote_code,
            output_loading_info=True,
        )
    # Neither a head nor the pooler is used.
    missing = {name for name in info["missing_keys"] if not name.startswith("pooler.")}
    require_all_loaded({**info, "missing_keys": missing, "unexpected_keys": ()}, folder, _REMEDY)
    return module.to(pick_device(settings.device)).eval()


def _pool_of(folder: Path) -> Pool | None:
    """How a folder of sentence-transformers says that it pools; None where none says."""
    if not (folder / _POOLING).is_file():
        return None
    asked = read_object(folder / _POOLING, what="how it pools")
    modes = [name for name, on in asked.items() if name.startswith("pooling_mode_") and on is True]
    if len(modes) != 1 or modes[0] not in _POOLS:
        remedy = f"Use a model that pools by one of {', '.join(_POOLS)}."
        raise InputError("it pools in a way that is not known", file=folder, seen=modes, remedy=remedy)
    return _POOLS[modes[0]]
