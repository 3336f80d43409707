"""The clocks of devices, the state of their caches, and what an accelerator does while a call lasts."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from estibench.measure.device import HOST, parts, pinned, selected, synchronise

SEVERAL = 2  # times the L2 cache: what is written so that nothing else is left in it
COMPUTE_BOUND = 0.5  # of its time that the accelerator works on a call which is not bound by launches

Flush = Callable[[], Any]


def elapsed(device: str, call: Callable[[], Any], loops: int, flush: Flush | None = None) -> tuple[float, float]:
    """Wall and CPU seconds of `loops` calls: events on an accelerator, the performance counter elsewhere.

    Args:
        flush: made before each call and in nobody's time: the device is waited for, and each call has its own events.
    """
    if parts(device)[0] == HOST:
        cpu = time.process_time_ns()
        wall = time.perf_counter_ns()
        for _ in range(loops):
            call()
        return (time.perf_counter_ns() - wall) * 1e-9, (time.process_time_ns() - cpu) * 1e-9
    with selected(device):
        if flush is None:
            return _between_events(device, call, loops)
        wall_seconds, cpu_seconds = 0.0, 0.0
        for _ in range(loops):
            flush()
            wall_one, cpu_one = _between_events(device, call, 1)
            wall_seconds, cpu_seconds = wall_seconds + wall_one, cpu_seconds + cpu_one
        return wall_seconds, cpu_seconds


def _between_events(device: str, call: Callable[[], Any], loops: int) -> tuple[float, float]:
    begin, end = (torch.Event(device=device, enable_timing=True) for _ in range(2))
    synchronise(device)
    cpu = time.process_time_ns()
    begin.record()
    for _ in range(loops):
        call()
    end.record()
    end.synchronize()
    return begin.elapsed_time(end) * 1e-3, (time.process_time_ns() - cpu) * 1e-9


def flusher(device: str) -> Flush | None:
    """What empties an accelerator's L2 cache; None on a CPU, and where torch does not know how large it is."""
    kind, index = parts(device)
    properties = getattr(torch.get_device_module(kind), "get_device_properties", None)
    if kind == HOST or properties is None:
        return None
    size = int(getattr(properties(index or 0), "L2_cache_size", 0))
    return torch.empty(SEVERAL * size, dtype=torch.uint8, device=device).zero_ if size else None


def kernel_seconds(device: str, call: Callable[[], Any]) -> float | None:
    """Seconds in which an accelerator worked on one call, by torch's profiler; None where that does not see the device.

    Kernels that run at once count once, and so do copies.
    """
    kind, _ = parts(device)
    activity = getattr(torch.profiler.ProfilerActivity, kind.upper(), None)
    if kind == HOST or activity is None or activity not in torch.profiler.supported_activities():
        return None
    synchronise(device)
    with torch.profiler.profile(activities=[activity]) as seen:
        call()
        synchronise(device)
    there = [one for one in seen.events() or () if one.device_type.name == kind.upper() and not one.is_user_annotation]
    return _covered([(one.time_range.start, one.time_range.end) for one in there]) * 1e-6


def bound_by(kernels: float | None, wall: float) -> str | None:
    """`compute` for a call on which the accelerator works for most of its time, `launch` for one on which it waits."""
    if kernels is None or not wall > 0:
        return None
    return "compute" if kernels >= COMPUTE_BOUND * wall else "launch"


def _covered(spans: list[tuple[float, float]]) -> float:
    """The length of the union of intervals."""
    total, reached = 0.0, float("-inf")
    for begin, end in sorted(spans):
        total += max(0.0, end - max(begin, reached))
        reached = max(reached, end)
    return total


@contextmanager
def quiet(threads: int) -> Iterator[None]:
    """Pins threads and switches garbage collection off, for timing; restores both."""
    collecting = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        with pinned(threads):
            yield
    finally:
        if collecting:
            gc.enable()
