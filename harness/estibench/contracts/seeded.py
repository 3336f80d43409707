"""For code that draws from global generators: it is given randomness of its own, and leaves no trace."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def seeded(generator: torch.Generator) -> Iterator[None]:
    """Inside the `with` block the global generators of torch, numpy and Python are seeded from `generator`.

    Afterwards they are as they were, so that a library that knows no `generator` argument keeps the contract: the same
    generator, the same numbers, and others' randomness untouched. One number is taken from `generator`. Under
    `torch.func.vmap` there is no such number for each replicate: an estimator that seeds inside of `estimate` is drawn
    in a loop.

    Example:
        >>> import torch
        >>> from estibench import seeded
        >>> with seeded(torch.Generator().manual_seed(0)):
        ...     first = torch.rand(3)
        >>> with seeded(torch.Generator().manual_seed(0)):
        ...     again = torch.rand(3)
        >>> bool((first == again).all())
        True
    """
    import numpy as np

    seed = int(torch.randint(2**62, (), generator=generator, device=generator.device))
    ours, theirs, python = torch.get_rng_state(), np.random.get_state(), random.getstate()
    devices = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None
    torch.default_generator.manual_seed(seed)
    np.random.seed(seed % 2**32)
    random.seed(seed)
    if devices is not None:
        torch.cuda.manual_seed_all(seed)
    try:
        yield
    finally:
        torch.set_rng_state(ours)
        np.random.set_state(theirs)
        random.setstate(python)
        if devices is not None:
            torch.cuda.set_rng_state_all(devices)
