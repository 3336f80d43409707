"""Solving dx/dt = f(x, t) along a grid of times, and the log-density that such a flow carries with it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor

Solver = Literal["euler", "heun", "rk4"]
Field = Callable[[Tensor, float], Tensor]
Divergence = Callable[[Tensor, float], tuple[Tensor, Tensor]]


def solve(field: Field, x: Tensor, times: Sequence[float], solver: Solver = "rk4") -> Tensor:
    """x at the last of the times, one step of the solver from each to the next: orders 1, 2 and 4.

    Args:
        field: f, (..., m), t → (..., m).
        x: at the first time, (..., m).
        times: rising or falling.
    """
    for t, later in pairwise(times):
        x = STEPS[solver](field, x, t, later - t)
    return x


def log_density(field: Divergence, x: Tensor, times: Sequence[float], log_prior: Callable[[Tensor], Tensor]) -> Tensor:
    """log p(x) of points at the first of the times, (..., m) → (...), by the classical method of order 4.

    Along a path of the flow d log p/dt = −∇·f, hence log p(x) = log p_end(x_end) + ∫ ∇·f dt from the first time to the
    last, whichever is the greater.

    Args:
        field: f and ∇·f, (..., m), t → (..., m), (...).
        log_prior: log p at the last time, (..., m) → (...).

    Source: Chen, Rubanova, Bettencourt and Duvenaud 2018, Neural ordinary differential equations, theorem 1.
    """

    def together(state: Tensor, t: float) -> Tensor:
        rate, divergence = field(state[..., :-1], t)
        return torch.cat([rate, divergence[..., None]], -1)

    end = solve(together, torch.nn.functional.pad(x, (0, 1)), times)
    return log_prior(end[..., :-1]) + end[..., -1]


def normal_log_density(x: Tensor, mean: Tensor | float = 0.0, deviation: float = 1.0) -> Tensor:
    """Of N(mean, deviation² I): (..., m) → (...)."""
    constant = math.log(deviation) + 0.5 * math.log(2 * math.pi)
    return -0.5 * ((x - mean) / deviation).square().sum(-1) - x.shape[-1] * constant


def euler(field: Field, x: Tensor, t: float, h: float) -> Tensor:
    return x + h * field(x, t)


def heun(field: Field, x: Tensor, t: float, h: float) -> Tensor:
    first = field(x, t)
    return x + 0.5 * h * (first + field(x + h * first, t + h))


def rk4(field: Field, x: Tensor, t: float, h: float) -> Tensor:
    a = field(x, t)
    b = field(x + 0.5 * h * a, t + 0.5 * h)
    c = field(x + 0.5 * h * b, t + 0.5 * h)
    d = field(x + h * c, t + h)
    return x + h / 6 * (a + 2 * (b + c) + d)


STEPS: dict[Solver, Callable[[Field, Tensor, float, float], Tensor]] = {"euler": euler, "heun": heun, "rk4": rk4}


def even(start: float, end: float, steps: int) -> list[float]:
    """The ends of so many equal steps."""
    return [start + (end - start) * k / steps for k in range(steps + 1)]


def everywhere(t: float, x: Tensor) -> Tensor:
    """The time at each of the points (..., m): (..., 1)."""
    return x.new_full((*x.shape[:-1], 1), t)
