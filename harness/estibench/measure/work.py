"""Counted work and peak memory of one estimate, read in untimed passes."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from estibench.contracts.counting import counting


@dataclass(frozen=True)
class Work:
    """Attributes:
    counts: amount of each cost unit that the problem's oracles counted.
    flops: floating-point operations of matrix products and convolutions (torch's `FlopCounterMode`).
    peak_bytes: most bytes alive at once beyond what existed before the call.
    """

    counts: dict[str, int]
    flops: int
    peak_bytes: int


def measure_work(call: Callable[[], Any], device: str) -> Work:
    """Work of `call`, which must have been called before, so that a problem's cached data exist already."""
    with counting() as counts:
        peak = _peak_cuda(call, device) if device.startswith("cuda") else _peak_cpu(call)
    flop_counter = FlopCounterMode(display=False)
    flop_counter.mod_tracker = _NoModules()  # type: ignore[assignment]
    with flop_counter:
        call()
    return Work(dict(counts), int(flop_counter.get_total_flops()), peak)


class _NoModules:
    """In place of the counter's tracker of modules, whose hooks fail in a module that `autograd.grad` goes through.

    Only the total is asked for.
    """

    parents = frozenset({"Global"})

    def __enter__(self) -> None: ...

    def __exit__(self, *error: object) -> None: ...


def _peak_cuda(call: Callable[[], Any], device: str) -> int:
    torch.cuda.synchronize(device)
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    call()
    torch.cuda.synchronize(device)
    return int(torch.cuda.max_memory_allocated(device) - before)


def _peak_cpu(call: Callable[[], Any]) -> int:
    storages = LiveStorages()
    with storages:
        call()
    return storages.peak


class LiveStorages(TorchDispatchMode):
    """Follows the storages that operators create, by weak finalizers, and keeps the peak of their bytes.

    Exact and repeatable, because it sees allocations and not the allocator's pools; it misses scratch memory
    inside an operator (a workspace of BLAS or LAPACK).
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.live = 0
        self.peak = 0
        self._known: set[int] = set()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        for leaf in tree_leaves((args, kwargs)):
            if isinstance(leaf, Tensor):
                self._follow(leaf, counted=False)
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor):
                self._follow(leaf, counted=True)
        return result

    def _follow(self, tensor: Tensor, counted: bool) -> None:
        storage = tensor.untyped_storage()
        identity = storage._cdata
        if identity in self._known:
            return
        size = storage.nbytes() if counted else 0
        self._known.add(identity)
        self.live += size
        self.peak = max(self.peak, self.live)
        weakref.finalize(storage, self._release, identity, size)

    def _release(self, identity: int, size: int) -> None:
        self._known.discard(identity)
        self.live -= size
