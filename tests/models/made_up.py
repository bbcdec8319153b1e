"""Made-up devices on a CPU: tensors say that they are there, and ops that mix devices fail as on GPUs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any
from unittest import mock

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter, tree_map_only
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

KIND = "privateuseone"
"""The kind of device that torch leaves to others."""
_MOVES = (torch.ops.aten.copy_.default,)
_INDEXED = (torch.ops.aten.index.Tensor, torch.ops.aten.index_put_.default)


class Elsewhere(torch.Tensor):
    """A tensor of the CPU that says it is elsewhere."""

    held: torch.Tensor

    @staticmethod
    def __new__(cls, held: torch.Tensor, device: torch.device) -> Elsewhere:
        about = {"strides": held.stride(), "storage_offset": held.storage_offset(), "dtype": held.dtype}
        made = torch.Tensor._make_wrapper_subclass(cls, held.shape, device=device, **about)
        made.held = held
        return made

    def data_ptr(self) -> int:
        return self.held.data_ptr()

    def tolist(self) -> list[Any]:
        return self.held.tolist()

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _do(func, args, kwargs or {})


class _Everywhere(TorchDispatchMode):
    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _do(func, args, kwargs or {})


def _do(func: Any, args: Any, kwargs: Mapping[str, Any]) -> Any:
    tensors = [one for one in tree_iter((args, kwargs)) if isinstance(one, torch.Tensor)]
    looked_at = tensors[:1] if func in _INDEXED else tensors
    places = {one.device for one in looked_at if one.dim()}
    if func in _INDEXED:  # indices may lie on the CPU
        places |= {one.device for one in tensors[1:] if one.dim() and one.device.type == KIND}
    if len(places) > 1 and func not in _MOVES:
        raise RuntimeError(f"{func}: tensors on several devices ({', '.join(map(str, places))})")
    named = [one for one in tree_iter((args, kwargs)) if isinstance(one, torch.device)]
    own = [args[0].device] if args and isinstance(args[0], torch.Tensor) else []
    place = next(iter((*named, *own, *places)), torch.device("cpu"))
    wrappers = {id(one.held): one for one in tensors if isinstance(one, Elsewhere)}
    args, kwargs = tree_map_only(Elsewhere, lambda one: one.held, (args, dict(kwargs)))
    args, kwargs = tree_map_only(torch.device, lambda _: torch.device("cpu"), (args, kwargs))
    given = func(*args, **kwargs)
    if place.type != KIND:
        return given

    def placed(one: torch.Tensor) -> torch.Tensor:
        known = wrappers.get(id(one))
        return known if known is not None and known.device == place else Elsewhere(one, place)

    return tree_map_only(torch.Tensor, placed, given)


@cache
def _set_up() -> None:
    _setup_privateuseone_for_python_backend()


@contextmanager
def devices() -> Iterator[tuple[str, str]]:
    """The names of two devices that are there for as long as this lasts."""
    # Tensors of Python's numbers would else be made without being seen.
    _set_up()
    before = torch._C._only_lift_cpu_tensors()
    torch._C._set_only_lift_cpu_tensors(True)
    try:
        # Tensors of the inference mode cannot be wrapped.
        with _Everywhere(), torch.no_grad(), mock.patch("torch.inference_mode", torch.no_grad):
            yield f"{KIND}:0", f"{KIND}:1"
    finally:
        torch._C._set_only_lift_cpu_tensors(before)
