"""Whether a loaded model is what its files say, and a causal language model that fits its tokenizer."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from harmonia.errors import InputError
from harmonia.models.architecture import encoder_switch
from harmonia.models.border import refused

# Constants that older versions of transformers wrote among the weights.
_CONSTANTS = re.compile(r"(^|\.)(attn|attention)\.(masked_)?bias$|rotary_emb\.inv_freq$")
_NAMED = ("bos", "eos", "unk", "sep", "pad", "cls", "mask")
_SHOWN = 3
_WHOLE = (
    "Save the whole model again, with its head and not as torch.compile or another wrapper holds it, "
    "or download it again."
)
_NOT_CAUSAL = "not a causal language model: a token changes the logits before it"
_DECODER = "Give a decoder. An encoder (BERT) or a bidirectional model tells no next token."
_OF_ONE_MODEL = "Give configuration and weights of one causal language model."


def require_all_loaded(info: dict[str, Any], file: Path, remedy: str = _WHOLE) -> None:
    """Refuse a checkpoint of which anything is missing, left over or of another shape.

    `info` is what `from_pretrained` and PEFT tell of a loading; tied weights count as there.

    Raises:
        InputError: The checkpoint and the model's configuration are not of one model.
    """
    missing, left_over = set(info["missing_keys"]), set(info["unexpected_keys"])
    left_over -= {name for name in left_over if _CONSTANTS.search(name)}
    shapes = {f"{name} {tuple(seen)} for {tuple(wanted)}" for name, seen, wanted in info["mismatched_keys"]}
    found = {"missing": missing, "not the model's": left_over, "of another shape": shapes}
    wrong = "; ".join(f"{what}: {_some(names)}" for what, names in found.items() if names)
    if wrong:
        problem = f"its tensors do not fit its configuration ({wrong})"
        raise InputError(problem, file=file, remedy=remedy)


def require_all_taken(model: Any, elements: int, file: Path) -> None:
    """Refuse a GGUF file that holds more, or less, than went into the model.

    For most architectures transformers passes over tensors whose names it does not know.

    `elements` are the numbers that the file's tensors hold.

    Raises:
        InputError: The model has more numbers, or fewer.
    """
    taken = sum(weight.numel() for weight in model.parameters())
    # Some files hold a tied head a second time.
    tied = sum(weight.numel() for weight in model.state_dict().values())
    if elements not in (taken, tied):
        problem = f"its tensors hold {elements:,} numbers, and {taken:,} of them went into the model"
        remedy = "transformers does not read this file whole: use the model's safetensors."
        raise InputError(problem, file=file, remedy=remedy)


def require_token_rows(tokenizer: Any, rows: int, folder: Path) -> None:
    """Refuse a tokenizer that gives tokens for which the model has no row of weights.

    Special tokens that nothing written holds (an image's place in a model for text) may be
    without one.

    Raises:
        InputError: There are such tokens, or so few that they are another model's.
    """
    ids = tokenizer.get_vocab()
    lost = {token for token, number in ids.items() if number >= rows}
    if lost and (lost := lost - unused_tokens(tokenizer, rows)):
        raise InputError(
            f"the tokenizer has tokens up to {max(ids.values())} and the model {rows} rows: "
            f"without a row are {_some(lost)}",
            file=folder,
            remedy="Enlarge the model (resize_token_embeddings) and train it, or use its own tokenizer.",
        )
    if 2 * max(ids.values(), default=0) < rows - 2:
        problem = f"the tokenizer has {len(ids)} tokens and the model {rows} rows: it is another model's"
        raise InputError(problem, file=folder, remedy="Put the model's own tokenizer files into the folder.")


def unused_tokens(tokenizer: Any, rows: int) -> set[str]:
    """Special tokens without a row that no text, frame or template of the tokenizer gives."""
    special = {token.content for token in tokenizer.added_tokens_decoder.values() if token.special}
    framed = set(tokenizer.convert_ids_to_tokens(tokenizer("").input_ids))
    named = {getattr(tokenizer, f"{name}_token", None) for name in _NAMED}
    templates = str(tokenizer.chat_template)
    return {
        token
        for token in special - framed - named
        if tokenizer.convert_tokens_to_ids(token) >= rows and token not in templates
    }


def require_decoder(model: Any, file: Path) -> Any:
    """A model, unless it is an encoder by its own account; that needs no weights.

    Raises:
        InputError: It is one.
    """
    if switch := encoder_switch(model):
        raise InputError(_NOT_CAUSAL, file=file, field=switch, seen=False, remedy=_DECODER)
    return model


def require_answers(model: Any, folder: Path) -> int:
    """See that a model answers in finite numbers, and to each token without regard to later ones.

    Returns:
        Rows of the embedding that a token's id may name.

    Raises:
        InputError: Weights or logits are not finite, or a token changes what comes before it.
    """
    import torch

    for name, weight in model.named_parameters():
        if weight.is_floating_point() and not torch.isfinite(weight.detach().sum(dtype=torch.float32)):
            raise _not_finite("a weight", model, folder, name)
    with refused("a pass of the model fails", file=folder, remedy=_OF_ONE_MODEL):
        rows = int(model.get_input_embeddings().weight.shape[0])
    # In a mixture of experts a rounding may send a token to another expert, but not in each trial.
    trials = (_logits_without_the_last(model, rows, first, folder) for first in (0, 1, 2))
    if all(_differ(one, other) for one, other in trials):
        raise InputError(_NOT_CAUSAL, file=folder, remedy=_DECODER)
    return rows


def _logits_without_the_last(model: Any, rows: int, first: int, folder: Path) -> tuple[Any, Any]:
    """Logits of the same three tokens, before one and before another last token."""
    import torch

    ids = [(rows // 2 + first + place) % rows for place in range(5)]
    with torch.no_grad(), refused("a pass of the model fails", file=folder, remedy=_OF_ONE_MODEL):
        one, other = (
            model(input_ids=torch.tensor([[*ids[:3], last]], device=model.device), use_cache=False).logits
            for last in ids[3:]
        )
    seen = torch.cat([one, other])
    if (seen.isnan() | seen.isposinf()).any():
        raise _not_finite("a logit", model, folder)
    return one[0, :-1], other[0, :-1]


def _differ(one: Any, other: Any) -> bool:
    """Whether logits differ by more than rounding."""
    import torch

    rounding = torch.finfo(one.dtype).eps ** 0.5 / 4
    return not torch.allclose(one, other, rtol=0.0, atol=rounding * float(one.abs().max()))


def _not_finite(what: str, model: Any, folder: Path, name: str | None = None) -> InputError:
    return InputError(
        f"{what} is no finite number in {str(model.dtype).removeprefix('torch.')}",
        file=folder,
        field=name,
        remedy="Use another dtype (float32, bfloat16), or download the weights again.",
    )


def _some(names: Iterable[str]) -> str:
    shown = sorted(names)
    more = f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
    return ", ".join(shown[:_SHOWN]) + more
