"""For code that draws from global generators: it is given randomness of its own, and leaves no trace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from estibench.contracts.generators import restored


@contextmanager
def seeded(generator: torch.Generator) -> Iterator[None]:
    """Inside the `with` block the global generators of torch, numpy and Python are seeded from `generator`.

    So are those of an accelerator that is in use. Afterwards they are as they were, so that a library that knows no
    `generator` argument keeps the contract: the same generator, the same numbers, and others' randomness untouched. One
    number is taken from `generator`. Under
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
    number = int(torch.randint(2**62, (), generator=generator, device=generator.device))
    with restored() as seed:
        seed(number)
        yield
