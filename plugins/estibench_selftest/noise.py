"""Noise of mean 0 and variance 1 with chosen tails."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

Noise = Literal["normal", "laplace", "exponential", "student", "student3", "lognormal"]
BEYOND_LIMITS = ("student3", "lognormal")


def draw_noise(kind: Noise, shape: tuple[int, ...], generator: torch.Generator, dtype: torch.dtype) -> Tensor:
    """Independent noise of a shape.

    `normal`; `laplace`, kurtosis 6; `exponential`, skewness 2, kurtosis 9; `student` with 5 degrees of freedom,
    kurtosis 9, whose squares have no third moment. `BEYOND_LIMITS` of what an interval can cover: `student3`, whose
    squares have no variance, and `lognormal`, skewness 6.2, kurtosis 114.
    """
    if kind == "exponential":
        return -1 - _log_uniform(shape, generator, dtype)
    if kind == "laplace":
        return (_log_uniform(shape, generator, dtype) - _log_uniform(shape, generator, dtype)) / math.sqrt(2)
    normal = _normal(shape, generator, dtype)
    if kind in ("student", "student3"):
        freedom = 5 if kind == "student" else 3
        squares = _normal((freedom, *shape), generator, dtype).square().sum(0)
        return normal / (squares / (freedom - 2)).sqrt()
    if kind == "lognormal":
        return (normal.exp() - math.exp(0.5)) / math.sqrt(math.e**2 - math.e)
    return normal


def _normal(shape: tuple[int, ...], generator: torch.Generator, dtype: torch.dtype) -> Tensor:
    return torch.randn(shape, generator=generator, dtype=dtype, device=generator.device)


def _log_uniform(shape: tuple[int, ...], generator: torch.Generator, dtype: torch.dtype) -> Tensor:
    """Logarithm of a uniform number in (0, 1]."""
    return (1 - torch.rand(shape, generator=generator, dtype=dtype, device=generator.device)).log()
