"""Points as the images that libraries of generative models are written for."""

from __future__ import annotations

import math

from torch import Tensor

from estibench import Unsupported


def as_images(x: Tensor) -> Tensor:
    """(batch, side²) → (batch, 1, side, side). Raises `Unsupported` for a dimension that is no square."""
    side = math.isqrt(x.shape[-1])
    if side**2 != x.shape[-1]:
        raise Unsupported(f"{x.shape[-1]} numbers are no square image")
    return x.reshape(-1, 1, side, side)


def flattened(x: Tensor, like: Tensor) -> Tensor:
    """What a model is called with, (batch, ...), as points (batch, dim).

    Raises:
        ValueError: it has not the shape of a batch of `like`; a network of convolutions would refuse it too.
    """
    if x.shape[1:] != like.shape[1:]:
        raise ValueError(f"the model was trained for {tuple(like.shape[1:])}, and is called with {tuple(x.shape[1:])}")
    return x.flatten(1)
