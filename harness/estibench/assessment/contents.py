"""Digests of a user's objects: what a result's key must hold so that equal keys mean equal numbers."""

from __future__ import annotations

import hashlib
import inspect
import types
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

DEEPEST = 6  # functions that call functions …


def contents(things: Mapping[str, Any]) -> str:
    """16 hexadecimal digits that change with weights, data, code and settings."""
    found = hashlib.sha256()
    for part in _parts(things, 0, set()):
        found.update(part)
        found.update(b"\0")
    return found.hexdigest()[:16]


def _parts(thing: Any, depth: int, seen: set[int]) -> Iterator[bytes]:
    yield type(thing).__qualname__.encode()
    if depth > DEEPEST or id(thing) in seen:
        return
    if isinstance(thing, nn.Module):
        seen.add(id(thing))
        yield repr(thing).encode()
        for kind in {type(module) for module in thing.modules()}:
            yield from _source(kind)
        for name, tensor in [*thing.named_parameters(), *thing.named_buffers()]:
            yield name.encode()
            yield from _parts(tensor, depth + 1, seen)
    elif isinstance(thing, Tensor):
        dense = thing.detach().cpu().contiguous()
        yield f"{dense.dtype} {tuple(dense.shape)}".encode()
        yield dense.flatten().view(torch.uint8).numpy().tobytes() if dense.numel() else b""
    elif isinstance(thing, np.ndarray):
        yield f"{thing.dtype} {thing.shape}".encode()
        yield np.ascontiguousarray(thing).tobytes()
    elif isinstance(thing, Mapping):
        for key in sorted(thing, key=str):
            yield str(key).encode()
            yield from _parts(thing[key], depth + 1, seen)
    elif isinstance(thing, list | tuple):
        for item in thing:
            yield from _parts(item, depth + 1, seen)
    elif isinstance(thing, types.MethodType):
        yield from _parts(thing.__func__, depth, seen)
        yield from _parts(thing.__self__, depth + 1, seen)
    elif isinstance(thing, types.FunctionType):
        seen.add(id(thing))
        yield thing.__code__.co_code
        yield repr([one for one in thing.__code__.co_consts if not isinstance(one, types.CodeType)]).encode()
        yield from _parts(list(thing.__defaults__ or ()), depth + 1, seen)
        for value in inspect.getclosurevars(thing).nonlocals.values():
            yield from _parts(value, depth + 1, seen)
        for value in inspect.getclosurevars(thing).globals.values():
            if isinstance(value, nn.Module | Tensor | types.FunctionType | np.ndarray | int | float | str):
                yield from _parts(value, depth + 1, seen)
    elif hasattr(thing, "__dict__") and not isinstance(thing, type | types.ModuleType):
        seen.add(id(thing))
        yield from _source(type(thing))
        yield from _parts(vars(thing), depth + 1, seen)
    else:
        yield repr(thing).encode()


def _source(kind: type) -> Iterator[bytes]:
    """The text of a class that is not torch's own, where it can be had."""
    if not kind.__module__.startswith("torch."):
        try:
            yield inspect.getsource(kind).encode()
        except (OSError, TypeError):
            yield kind.__qualname__.encode()
