"""What differs between devices: whether they are there, what they can do, and waiting for them.

`torch.accelerator` says what there is; its names are those of `torch.device`: cuda, xpu, mps, … Beside this file only
`measure.clock` and `measure.memory` ask a device for more than torch's operators.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from operator import attrgetter
from typing import Any

import torch

from estibench.contracts.placed import TF32, torch_dtype
from estibench.suite.devices import accelerator

HOST = "cpu"
# Which of `torch.backends` multiply in tf32 when they are allowed to, by kind of device.
PRODUCTS = {"cuda": ("cuda.matmul", "cudnn"), "xpu": ("mkldnn",)}


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
    if missing:
        return missing
    if dtype == TF32 and not has_tf32(device):
        return f"{device}: no tf32 there"
    if parts(device)[0] == HOST:
        return None
    try:
        torch.zeros(1, dtype=torch_dtype(dtype), device=device)
    except (TypeError, RuntimeError) as error:  # such as float64 on some
        return f"{device}: no {dtype} there: {str(error).strip().splitlines()[0]}"
    return None


def lacks_precision(device: str, error: BaseException) -> bool:
    """Whether an error says that a call needs float64, on a device that has none."""
    said = "float64" in str(error) or "fp64" in str(error)
    return said and isinstance(error, (TypeError, RuntimeError)) and why_unavailable(device, "float64") is not None


def has_tf32(device: str) -> bool:
    """Whether products of float32 can be made in tf32 there."""
    kind, _ = parts(device)
    supported = getattr(torch.get_device_module(kind), "is_tf32_supported", None)
    return kind in PRODUCTS and supported is not None and bool(supported())


@contextmanager
def products(device: str, dtype: str) -> Iterator[None]:
    """Products of float32, convolutions among them, are made in float32, or in tf32 where that is the dtype.

    Whatever was allowed before is allowed afterwards.
    """
    switches = [attrgetter(name)(torch.backends) for name in PRODUCTS.get(parts(device)[0], ())]
    before = [_allows_tf32(one) for one in switches]
    try:
        for one in switches:
            one.allow_tf32 = dtype == TF32
        yield
    finally:
        for one, allowed in zip(switches, before, strict=True):
            one.allow_tf32 = allowed


def _allows_tf32(switch: Any) -> bool:
    """torch refuses to say where its newer switches were set apart, which nobody does who wants none."""
    try:
        return bool(switch.allow_tf32)
    except RuntimeError:
        return True


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
