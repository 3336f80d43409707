"""What differs between devices: whether they are there, waiting for them, and their clocks.

`torch.accelerator` says what there is; its names are those of `torch.device`: cuda, xpu, mps, … Beside this file only
`measure.memory` asks a device for more than torch's operators.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch

from estibench.suite.devices import accelerator

HOST = "cpu"


def why_missing(device: str) -> str | None:
    """Why this machine does not have `device`, or None where it has."""
    kind, index = parts(device)
    if kind == HOST:
        return None
    found = accelerator()
    if found != kind:
        return f"{device}: no {kind.upper()} device on this machine" + (f"; it has {found}" if found else "")
    count = torch.accelerator.device_count()
    if (index or 0) >= count:
        return f"{device}: this machine has {count} {kind.upper()} device(s)"
    return None


def why_unavailable(device: str, dtype: str) -> str | None:
    """Why cells cannot run on `device` in `dtype`, or None when they can."""
    missing = why_missing(device)
    if missing or parts(device)[0] == HOST:
        return missing
    try:
        torch.zeros(1, dtype=getattr(torch, dtype), device=device)
    except (TypeError, RuntimeError) as error:  # such as float64 on some
        return f"{device}: no {dtype} there: {str(error).strip().splitlines()[0]}"
    return None


def lacks_precision(device: str, error: BaseException) -> bool:
    """Whether an error says that a call needs float64, on a device that has none."""
    said = "float64" in str(error) or "fp64" in str(error)
    return said and isinstance(error, (TypeError, RuntimeError)) and why_unavailable(device, "float64") is not None


def parts(device: str) -> tuple[str, int | None]:
    """Kind and number of a device: `"cuda:1"` is ("cuda", 1), `"mps"` is ("mps", None)."""
    kind, _, index = device.partition(":")
    return kind, int(index) if index else None


def name_of(device: str) -> str:
    """What the maker calls the accelerator, where torch knows; its kind elsewhere; nothing for the CPU."""
    kind, index = parts(device)
    if kind == HOST:
        return ""
    if why_missing(device):
        return "none"
    module = torch.get_device_module(kind)
    return str(module.get_device_name(index or 0)) if hasattr(module, "get_device_name") else kind


def accelerators() -> list[str]:
    """The names of all accelerators of this machine."""
    kind = accelerator()
    if kind is None:
        return []
    return [name_of(f"{kind}:{index}") for index in range(torch.accelerator.device_count())]


def synchronise(device: str) -> None:
    """Wait until everything queued on `device` has run."""
    if parts(device)[0] != HOST:
        torch.accelerator.synchronize(torch.device(device))


def generator(device: str, seed: int) -> torch.Generator:
    """A fresh generator on `device`."""
    return torch.Generator(device=device).manual_seed(seed)


def on_host(values: torch.Tensor) -> torch.Tensor:
    """The values in float64 on the CPU. They travel as they are: not every device knows float64."""
    return values.detach().to("cpu").to(torch.float64)


def warm_up(device: str) -> None:
    """Make an accelerator ready: its context, its libraries and its clocks, which the first cell would pay for.

    Whatever of it the device does not have, nobody will miss here.
    """
    if parts(device)[0] == HOST:
        return
    for dtype in (torch.float32, torch.float64):
        try:
            stream = torch.Generator(device=device).manual_seed(0)
            a = torch.randn(64, 64, generator=stream, dtype=dtype, device=device).requires_grad_()
            torch.autograd.grad((a @ a).tanh().sum(), a)
            torch.linalg.qr(a.detach())
            torch.linalg.solve(a.detach(), a.detach())
            synchronise(device)
        except (TypeError, RuntimeError, NotImplementedError):
            continue


def elapsed(device: str, call: Callable[[], Any], loops: int) -> tuple[float, float]:
    """Wall and CPU seconds of `loops` calls: events on an accelerator, the performance counter elsewhere."""
    if parts(device)[0] == HOST:
        cpu = time.process_time_ns()
        wall = time.perf_counter_ns()
        for _ in range(loops):
            call()
        return (time.perf_counter_ns() - wall) * 1e-9, (time.process_time_ns() - cpu) * 1e-9
    with selected(device):
        begin, end = (torch.Event(device=device, enable_timing=True) for _ in range(2))
        synchronise(device)
        cpu = time.process_time_ns()
        begin.record()
        for _ in range(loops):
            call()
        end.record()
        end.synchronize()
        return begin.elapsed_time(end) * 1e-3, (time.process_time_ns() - cpu) * 1e-9


def selected(device: str) -> AbstractContextManager[Any]:
    """The device as torch's current one: events are recorded there."""
    kind, index = parts(device)
    return nullcontext() if index is None else torch.get_device_module(kind).device(index)


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
