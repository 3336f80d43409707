"""Floating-point operations of a call, counted by torch's registry of formulas."""

from __future__ import annotations

import inspect
from typing import Any, Self

from torch.utils.flop_counter import FlopCounterMode, _FlopCounterMode
from torch.utils.module_tracker import ModuleTracker


class Flops(FlopCounterMode):
    """torch's counter of matrix products and convolutions, without two of its habits.

    Its hooks on modules fail under `torch.autograd.grad` in a module's input, and its first operator loads the
    compiler, which takes longer than most measurements.
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


class _Uncompiled(_FlopCounterMode):
    """The mode that sees each operator, as it is before torch has it excluded from compilation."""

    __torch_dispatch__ = inspect.unwrap(_FlopCounterMode.__torch_dispatch__)

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False


class _NoModules(ModuleTracker):
    """torch's tracker without its hooks on modules."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: Any) -> None: ...
