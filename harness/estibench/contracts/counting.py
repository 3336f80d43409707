"""Counted work. Oracles of a problem say what they spend; whoever wants to know listens.

Counting costs one context-variable look-up when nobody listens, so timed code may count too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch

_listening: ContextVar[Counter[str] | None] = ContextVar("estibench_counter", default=None)


def count(unit: str, amount: int = 1) -> None:
    """Spend `amount` of `unit` (`"matvec"`, `"vjp"`, `"jvp"`, `"evaluation"`, …). Called by a problem's oracles.

    One unit is one call on the whole problem, batch included: a VJP of a field at 32 points counts 1. Under
    `torch.compile` nothing is counted: work is that of the plain call, and listening would break its graphs.
    """
    if torch.compiler.is_compiling():
        return
    counter = _listening.get()
    if counter is not None:
        counter[unit] += amount


def counted() -> dict[str, int]:
    """What has been counted so far for whoever listens; nothing where nobody does."""
    return dict(_listening.get() or {})


@contextmanager
def counting() -> Iterator[Counter[str]]:
    """Collects everything counted inside the `with` block."""
    counter: Counter[str] = Counter()
    token = _listening.set(counter)
    try:
        yield counter
    finally:
        _listening.reset(token)
