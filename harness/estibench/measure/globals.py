"""What all code of a process shares and no estimator may touch: global generators, torch's defaults."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from estibench.contracts.generators import global_generators, state_bytes


@contextmanager
def untouched() -> Iterator[list[str]]:
    """A list that holds, after the `with` block, what code in it has done to what it shares; empty for good code.

    Generators, torch's default dtype and gradient mode are put back, so that others do not suffer: neither from what
    it did nor, where two of a kind seed alike, from a second one that then seems to change nothing.
    """
    found: list[str] = []
    before = [(one, one.read()) for one in global_generators()]
    dtype, gradients = torch.get_default_dtype(), torch.is_grad_enabled()
    try:
        yield found
    finally:
        used = [one for one, state in before if state_bytes(one.read()) != state_bytes(state)]
        if used:
            names = ", ".join(one.name for one in used)
            found.append(f"draws from the global generator of {names}, not from the one it is given")
            for one, state in before:
                one.write(state)
        if torch.get_default_dtype() != dtype:
            found.append("changes torch's default dtype")
            torch.set_default_dtype(dtype)
        if torch.is_grad_enabled() != gradients:
            found.append("changes torch's gradient mode")
            torch.set_grad_enabled(gradients)
