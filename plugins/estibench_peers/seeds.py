"""A seed for a library that takes a number in the place of a generator."""

from __future__ import annotations

import torch


def seed_from(generator: torch.Generator) -> int:
    """A number from 0 to 2³¹ − 1, drawn from the generator."""
    return int(torch.randint(2**31, (), generator=generator, device=generator.device))
