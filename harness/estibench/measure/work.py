"""Counted work and peak memory of one estimate, read in untimed passes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from estibench.contracts.counting import counting
from estibench.contracts.fit import at_most
from estibench.contracts.flops import Flops
from estibench.measure.memory import peak_of

FIRST_STEPS = 3


@dataclass(frozen=True)
class Work:
    """Attributes:
    counts: amount of each cost unit that the problem's oracles counted.
    flops: floating-point operations of matrix products and convolutions (torch's `FlopCounterMode`); None where there
        was no time for the call that counts them.
    peak_bytes: most bytes alive at once beyond what existed before the call.
    reserved_bytes: most bytes that an accelerator's allocator held for it; None on the CPU.
    """

    counts: dict[str, int]
    flops: int | None
    peak_bytes: int
    reserved_bytes: int | None = None


def measure_work(call: Callable[[], Any], device: str, with_flops: bool = True) -> Work:
    """Work of `call`, which must have been called before, so that a problem's cached data exist already."""
    with counting() as counts:
        peak = peak_of(call, device)
    if not with_flops:
        return Work(dict(counts), None, peak.allocated, peak.reserved)
    with Flops() as flops:
        call()
    return Work(dict(counts), flops.total, peak.allocated, peak.reserved)


def work_of_training(
    call: Callable[[], Any], device: str, counts: dict[str, int], steps: int, with_flops: bool = True
) -> Work:
    """Work of a training run of so many steps, without another whole one.

    Peak memory is that of the first steps, and floating-point operations are those of the first steps, times steps.

    Args:
        counts: what a whole run has counted.
    """
    few = min(steps, FIRST_STEPS)
    with at_most(few):
        first = measure_work(call, device, with_flops)
    flops = None if first.flops is None else round(first.flops * steps / few)
    return Work(counts, flops, first.peak_bytes, first.reserved_bytes)
