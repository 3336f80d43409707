"""The memory of one call, and what becomes of it afterwards: by the device's own meter, or by following storages."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from estibench.measure.device import HOST, parts, selected, synchronise
from estibench.measure.limits import Limits


class Peak(NamedTuple):
    """Attributes:
    allocated: most bytes alive at once beyond what existed before the call.
    reserved: most bytes that torch's allocator held for it beyond what it held before, from an empty cache; None
        where the device does not say.
    """

    allocated: int
    reserved: int | None = None


def peak_of(call: Callable[[], Any], device: str) -> Peak:
    """Memory of one call: of the device's allocator, where it has a meter, else of the storages that operators make."""
    module = meter(device)
    if module is None:
        storages = LiveStorages()
        with storages:
            call()
        return Peak(storages.peak)
    with selected(device):
        synchronise(device)
        module.empty_cache()
        module.reset_peak_memory_stats()
        allocated, reserved = module.memory_allocated(), module.memory_reserved()
        call()
        synchronise(device)
        return Peak(
            int(module.max_memory_allocated() - allocated),
            int(module.max_memory_reserved() - reserved),
        )


@contextmanager
def watched(limits: Limits) -> Iterator[None]:
    """Raises `NotWithinLimitsError` from within, after the operator that takes more memory or time than there is.

    On accelerators the storages are those that operators make, as on the CPU; their allocators refuse what is too much.
    """
    if not limits.limited:
        yield
        return
    with LiveStorages(limits):
        yield


def meter(device: str) -> Any:
    """The module of torch that knows an accelerator's memory (`torch.cuda`, …), or None where none does."""
    kind, _ = parts(device)
    if kind == HOST or torch.device(kind).type == "meta":
        return None
    module = torch.get_device_module(kind)
    return module if hasattr(module, "max_memory_reserved") else None


def release(device: str) -> None:
    """Give back what a failed call has left in the allocator's cache, so that the next one finds the memory."""
    if parts(device)[0] == HOST:
        return
    gc.collect()
    module = meter(device) or torch.get_device_module(parts(device)[0])
    if hasattr(module, "empty_cache"):
        module.empty_cache()


class LiveStorages(TorchDispatchMode):
    """Follows the storages that operators create, by weak references, and keeps the peak of their bytes.

    Exact and repeatable, because it sees allocations and not the allocator's pools; it misses scratch memory
    inside an operator (a workspace of BLAS or LAPACK).

    Args:
        limits: the operator after which they do not hold raises `NotWithinLimitsError`.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._limits = limits
        self._began = limits.clock() if limits is not None else 0.0
        self.live = 0
        self.peak = 0
        self._known: dict[int, weakref.ref[Any]] = {}  # a reference that is not kept calls nobody

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """No: torch would load its compiler with the first operator, which takes longer than most measurements."""
        return False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        self._follow(args, counted=False)
        if kwargs:
            self._follow(kwargs.values(), counted=False)
        result = func(*args, **(kwargs or {}))
        self._follow((result,), counted=True)
        if self._limits is not None:
            self._limits.watched(self._began, self.live)
        return result

    def _follow(self, values: Iterable[Any], counted: bool) -> None:
        """The storages of all tensors among what an operator takes or gives, lists of them included."""
        for value in values:
            if isinstance(value, Tensor):
                storage = value.untyped_storage()
                identity = storage._cdata
                if identity not in self._known:
                    size = storage.nbytes() if counted else 0
                    self._known[identity] = weakref.ref(storage, partial(self._release, identity, size))
                    self.live += size
                    self.peak = max(self.peak, self.live)
            elif isinstance(value, (list, tuple)):
                self._follow(value, counted)

    def _release(self, identity: int, size: int, _: object) -> None:
        del self._known[identity]
        self.live -= size
