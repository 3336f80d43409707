"""What all code of a process shares and no estimator may touch: global generators, torch's defaults."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from estibench.measure.device import global_streams


@contextmanager
def untouched() -> Iterator[list[str]]:
    """A list that holds, after the `with` block, what code in it has done to what it shares; empty for good code.

    Generators, torch's default dtype and gradient mode are put back, so that others do not suffer: neither from what
    it did nor, where two of a kind seed alike, from a second one that then seems to change nothing.
    """
    found: list[str] = []
    generators, dtype, gradients = _generators(), torch.get_default_dtype(), torch.is_grad_enabled()
    states = torch.get_rng_state(), np.random.get_state(), random.getstate()
    try:
        yield found
    finally:
        after = _generators()
        used = ", ".join(name for name, state in generators.items() if state != after[name])
        if used:
            found.append(f"draws from the global generator of {used}, not from the one it is given")
            torch.set_rng_state(states[0])
            np.random.set_state(states[1])
            random.setstate(states[2])
        if torch.get_default_dtype() != dtype:
            found.append("changes torch's default dtype")
            torch.set_default_dtype(dtype)
        if torch.is_grad_enabled() != gradients:
            found.append("changes torch's gradient mode")
            torch.set_grad_enabled(gradients)


def _generators() -> dict[str, object]:
    kind, keys, *rest = np.random.get_state(legacy=True)
    states: dict[str, object] = {
        "torch": torch.get_rng_state().numpy().tobytes(),
        "numpy": (kind, np.asarray(keys).tobytes(), *rest),
        "Python's random": random.getstate(),
    }
    return states | global_streams()
