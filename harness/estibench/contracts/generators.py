"""The global generators of a process: those of torch, numpy and Python, and of an accelerator that is in use."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class GlobalGenerator:
    """One of them: what it is called, and how its state is read, set and made from a seed."""

    name: str
    read: Callable[[], Any]
    write: Callable[[Any], Any]
    seed: Callable[[int], Any]


def global_generators() -> list[GlobalGenerator]:
    """All of them. Those of an accelerator only where it is in use already: asking must not start it."""
    found = [
        GlobalGenerator(
            "torch",
            torch.default_generator.get_state,
            torch.default_generator.set_state,
            torch.default_generator.manual_seed,
        ),
        GlobalGenerator(
            "numpy", np.random.get_state, np.random.set_state, lambda number: np.random.seed(number % 2**32)
        ),
        GlobalGenerator("Python's random", random.getstate, random.setstate, random.seed),
    ]
    kind = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    if kind is None:
        return found
    module = torch.get_device_module(kind.type)
    if not getattr(module, "is_initialized", lambda: True)():
        return found
    for suffix in ("_all", ""):  # of each device of several, or of the only one
        names = [f"{name}{suffix}" for name in ("get_rng_state", "set_rng_state", "manual_seed")]
        if all(hasattr(module, name) for name in names):
            read, write, seed = (getattr(module, name) for name in names)
            return [*found, GlobalGenerator(f"torch on {kind.type.upper()}", read, write, seed)]
    return found


@contextmanager
def restored() -> Iterator[Callable[[int], None]]:
    """A function that seeds every global generator; after the `with` block they are as before it."""
    before = [(one, one.read()) for one in global_generators()]

    def seed(number: int) -> None:
        for one, _ in before:
            one.seed(number)

    try:
        yield seed
    finally:
        for one, state in before:
            one.write(state)


def state_bytes(state: Any) -> bytes:
    """A state as bytes that are equal where it is: tensors and arrays by their content, the rest by its text."""
    if isinstance(state, Tensor):
        return state.cpu().numpy().tobytes()
    if isinstance(state, np.ndarray):
        return state.tobytes()
    if isinstance(state, dict):
        return b"".join(str(name).encode() + state_bytes(one) for name, one in state.items())
    return b"".join(map(state_bytes, state)) if isinstance(state, list | tuple) else repr(state).encode()
