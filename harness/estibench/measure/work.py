"""Counted work and peak memory of one estimate, read in untimed passes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

from torch.utils.flop_counter import FlopCounterMode
from torch.utils.module_tracker import ModuleTracker

from estibench.contracts.counting import counting
from estibench.measure.memory import peak_of


@dataclass(frozen=True)
class Work:
    """Attributes:
    counts: amount of each cost unit that the problem's oracles counted.
    flops: floating-point operations of matrix products and convolutions (torch's `FlopCounterMode`).
    peak_bytes: most bytes alive at once beyond what existed before the call.
    reserved_bytes: most bytes that an accelerator's allocator held for it; None on the CPU.
    """

    counts: dict[str, int]
    flops: int
    peak_bytes: int
    reserved_bytes: int | None = None


def measure_work(call: Callable[[], Any], device: str) -> Work:
    """Work of `call`, which must have been called before, so that a problem's cached data exist already."""
    with counting() as counts:
        peak = peak_of(call, device)
    flop_counter = FlopCounterMode(display=False)
    flop_counter.mod_tracker = _NoModules()
    with flop_counter:
        call()
    return Work(dict(counts), int(flop_counter.get_total_flops()), peak.allocated, peak.reserved)


class _NoModules(ModuleTracker):
    """torch's tracker without its hooks on modules, which fail under `torch.autograd.grad` in a module's input."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None: ...
