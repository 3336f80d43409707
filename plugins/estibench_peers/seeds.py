"""Randomness for libraries that take no generator: a seed, or torch's global generator."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from estibench import seeded


def seed_from(generator: torch.Generator) -> int:
    """A number from 0 to 2³¹ − 1, drawn from the generator."""
    return int(torch.randint(2**31, (), generator=generator, device=generator.device))


@contextmanager
def torch_seeded(generator: torch.Generator) -> Iterator[None]:
    """`estibench.seeded`, for a library that draws from nothing but torch.

    Keeping numpy's state takes 0.2 ms, longer than many a trace, and would count against the library. Off the CPU it is
    `estibench.seeded`, where the clock does not look at such times.
    """
    if generator.device.type != "cpu":
        with seeded(generator):
            yield
        return
    seed, before = seed_from(generator), torch.get_rng_state()
    torch.default_generator.manual_seed(seed)
    try:
        yield
    finally:
        torch.set_rng_state(before)


@contextmanager
def random_kept() -> Iterator[None]:
    """Around an import that draws from Python's `random`, as that of sbi and of Lightning does: it leaves no trace."""
    before = random.getstate()
    try:
        yield
    finally:
        random.setstate(before)
