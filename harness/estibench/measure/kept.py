"""The draws of a cell, kept beside its row: more can be added later, and none is drawn twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from estibench.errors import UserError

_ERRORS = ".errors"
_READINGS = ".readings"
_SQUARED = "squared_errors"
_TRUE = "yes"


@dataclass
class KeptDraws:
    """Draws by stream, float64: whole chunks, the last of a loop perhaps cut short.

    Attributes:
        values: by stream, (n, components).
        errors: by stream, the standard errors of the same shape, where the estimator reports them.
        readings: by stream, what the problem reads off each draw, (n, columns), where it reads anything.
        squared_errors: ‖g_i − t‖² of the draws that count, (n,): all that a comparison with a baseline needs.
        path, chunk, fallback: how they were drawn; see `Drawer`. No path and 0 before any draw.
        random: whether the estimator used its generator, or its draws differ beyond rounding.
    """

    values: dict[str, Tensor] = field(default_factory=dict)
    errors: dict[str, Tensor] = field(default_factory=dict)
    readings: dict[str, Tensor] = field(default_factory=dict)
    squared_errors: Tensor | None = None
    path: str = ""
    chunk: int = 0
    fallback: str = ""
    random: bool = False


def pack(kept: KeptDraws, most: int) -> bytes:
    """`kept` as safetensors: plain arrays that load without executing anything.

    Args:
        most: bytes of draws beyond which only the squared errors are kept.
    """
    from safetensors.torch import save

    tensors = {name: _narrowed(values) for name, values in kept.values.items()}
    tensors |= {name + _ERRORS: _narrowed(errors) for name, errors in kept.errors.items()}
    tensors |= {name + _READINGS: _narrowed(readings) for name, readings in kept.readings.items()}
    if sum(tensor.nbytes for tensor in tensors.values()) > most:
        tensors = {}
    if kept.squared_errors is not None:
        tensors[_SQUARED] = kept.squared_errors
    tensors = {name: tensor.contiguous() for name, tensor in tensors.items()}
    metadata = {"path": kept.path, "chunk": str(kept.chunk), "fallback": kept.fallback, "random": _TRUE * kept.random}
    return save(tensors, metadata=metadata)


def _narrowed(values: Tensor) -> Tensor:
    """In float32 where that holds the values exactly, as those of any estimator that computes in no more."""
    narrow = values.to(torch.float32)
    return narrow if torch.equal(narrow.to(values.dtype), values) else values


def read_kept(path: Path | None) -> bytes:
    """The bytes of a file of draws; none where it has vanished since the work was planned: then all are drawn again."""
    try:
        return b"" if path is None else path.read_bytes()
    except OSError:
        return b""


def unpack(data: bytes) -> KeptDraws:
    """Undo `pack`. Raises `UserError` for other bytes."""
    if not data:
        return KeptDraws()
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        tensors = load(data)
        metadata = _metadata(data)
        chunk = int(metadata.get("chunk", "0"))
    except (SafetensorError, ValueError, KeyError) as error:
        raise UserError(f"not a file of draws: {error}") from error
    squared = tensors.pop(_SQUARED, None)
    wide = {name: tensor.to(torch.float64) for name, tensor in tensors.items()}
    return KeptDraws(
        {name: tensor for name, tensor in wide.items() if not name.endswith((_ERRORS, _READINGS))},
        {name.removesuffix(_ERRORS): tensor for name, tensor in wide.items() if name.endswith(_ERRORS)},
        {name.removesuffix(_READINGS): tensor for name, tensor in wide.items() if name.endswith(_READINGS)},
        squared,
        metadata.get("path", ""),
        chunk,
        metadata.get("fallback", ""),
        metadata.get("random", "") == _TRUE,
    )


def _metadata(data: bytes) -> Mapping[str, str]:
    """The texts in the header: eight bytes of its length, then JSON."""
    import json

    length = int.from_bytes(data[:8], "little")
    found = json.loads(data[8 : 8 + length]).get("__metadata__", {})
    assert isinstance(found, dict)
    return found
