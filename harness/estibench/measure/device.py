"""What differs between devices: whether they are there, waiting for them, their clocks and their memory."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch


def why_unavailable(device: str, dtype: str) -> str | None:
    """Why cells cannot run on `device`, or None when they can."""
    if device.startswith("cuda"):
        if not torch.cuda.is_available():
            return f"{device}: no CUDA device on this machine"
        index = int(device.partition(":")[2] or 0)
        if index >= torch.cuda.device_count():
            return f"{device}: this machine has {torch.cuda.device_count()} CUDA device(s)"
    return None


def synchronise(device: str) -> None:
    """Wait until everything queued on `device` has run."""
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)


def generator(device: str, seed: int) -> torch.Generator:
    """A fresh generator on `device`."""
    return torch.Generator(device=device).manual_seed(seed)


def elapsed(device: str, call: Callable[[], Any], loops: int) -> tuple[float, float]:
    """Wall and CPU seconds of `loops` calls: CUDA events on a GPU, the performance counter elsewhere."""
    if device.startswith("cuda"):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        torch.cuda.synchronize(device)
        cpu = time.process_time_ns()
        with torch.cuda.device(device):
            begin.record()
            for _ in range(loops):
                call()
            end.record()
            end.synchronize()
        return begin.elapsed_time(end) * 1e-3, (time.process_time_ns() - cpu) * 1e-9
    cpu = time.process_time_ns()
    wall = time.perf_counter_ns()
    for _ in range(loops):
        call()
    return (time.perf_counter_ns() - wall) * 1e-9, (time.process_time_ns() - cpu) * 1e-9


@contextmanager
def pinned(threads: int) -> Iterator[None]:
    """Pins torch's intra-op threads; restores them."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


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
