"""A library's own loop over steps as a sampler of estibench: it runs once, and its records are handed out."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Recorded(NamedTuple):
    """x: (chains, dim); rest: the states after it, (steps left, chains, dim)."""

    x: Tensor
    rest: Tensor

    def next(self) -> Recorded:
        """One step later."""
        return Recorded(self.rest[0], self.rest[1:])
