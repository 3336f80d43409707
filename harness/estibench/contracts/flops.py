"""Floating-point operations of a call, counted by torch's registry of formulas."""

from __future__ import annotations

import inspect
from collections.abc import Container
from functools import cache, partial
from typing import Any, Self

from torch._C import DispatchKey, TensorType
from torch._ops import OpOverload
from torch.utils.flop_counter import FlopCounterMode, _FlopCounterMode
from torch.utils.module_tracker import ModuleTracker


class Flops(FlopCounterMode):
    """torch's counter of matrix products and convolutions, without three of its habits.

    Its hooks on modules fail under `torch.autograd.grad` in a module's input, its first operator loads the compiler,
    which takes longer than most measurements, and of every call it asks what it could ask of an operator once.
    """

    def __init__(self) -> None:
        super().__init__(display=False)
        self.mod_tracker = _NoModules()

    def __enter__(self) -> Self:
        self.flop_counts.clear()
        self.mode = _Uncompiled(self)
        self.mode.__enter__()  # type: ignore[no-untyped-call]
        return self

    @property
    def total(self) -> int:
        """Operations so far."""
        return int(self.get_total_flops())


_torchs = inspect.unwrap(_FlopCounterMode.__torch_dispatch__)  # as it is before torch has it excluded from compilation


class _Uncompiled(_FlopCounterMode):
    """The mode that sees each operator."""

    def __init__(self, counter: FlopCounterMode) -> None:
        super().__init__(counter)
        self._free = cache(partial(_free, counter.flop_registry))

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if self._free(func):
            return func(*args, **(kwargs or {}))
        return _torchs(self, func, types, args, kwargs)

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False


def _free(registry: Container[Any], func: Any) -> bool:
    """Whether an operator is only to be called: it makes tensors, has no formula in the registry, and is not put
    together from others that may have one."""
    if not isinstance(func, OpOverload) or func.overloadpacket in registry:
        return False
    makes = any(isinstance(one.type, TensorType) for one in func._schema.returns)
    return makes and not func.has_kernel_for_dispatch_key(DispatchKey.CompositeImplicitAutograd)


class _NoModules(ModuleTracker):
    """torch's tracker without its hooks on modules."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: Any) -> None: ...
