"""Counted work and peak memory of one estimate, read in untimed passes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from estibench.contracts.counting import counting
from estibench.contracts.flops import Flops
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
    with Flops() as flops:
        call()
    return Work(dict(counts), flops.total, peak.allocated, peak.reserved)
