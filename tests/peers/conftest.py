"""Two data, L variables of K values and an objective that couples them: what a bridge can mix up, here is unequal."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from estibench.testing import assert_unbiased
from estibench_discrete import Objective


def logits(variables: int, values: int, dtype: torch.dtype = torch.float64) -> Tensor:
    """(2, L, K)."""
    return torch.randn(2, variables, values, generator=torch.Generator().manual_seed(1), dtype=torch.float64).to(dtype)


def objective(variables: int, values: int, degree: int = 3, dtype: torch.dtype = torch.float64) -> Objective:
    """f_b(z) = c_bᵀz + Π_l a_lᵀz_l + (aᵀz)² + (aᵀz)³, the last two only up to the degree; another for each datum."""
    generator = torch.Generator().manual_seed(2)
    c = torch.randn(2, variables * values, generator=generator, dtype=torch.float64).to(dtype)
    a = torch.randn(variables, values, generator=generator, dtype=torch.float64).to(dtype)

    def f(z: Tensor) -> Tensor:
        parts = (z * a).sum(-1)
        multilinear = (z.flatten(-2) * c).sum(-1) + parts.prod(-1)
        return multilinear + sum(parts.sum(-1) ** power for power in range(2, degree + 1))

    return Objective(f, dtype)


@pytest.fixture
def assert_right(build):
    """(name, variables, values, degree, draws, parameters): the estimator's mean is the sum over all states.

    False-failure rate 1e-6.
    """

    def check(name: str, variables: int = 2, values: int = 3, degree: int = 3, draws: int = 300, **parameters) -> None:
        theta, f = logits(variables, values), objective(variables, values, degree)
        truth = build("estimator", "enumeration").gradient(f, theta, torch.Generator())
        estimator = build("estimator", name, **parameters)
        assert_unbiased(
            lambda generator: estimator.gradient(f, theta, generator), truth, draws=draws, rate=1e-6, strict=True
        )

    return check


@pytest.fixture
def assert_exact(build):
    """(name): every gradient is the sum over all states."""

    def check(name: str) -> None:
        theta, f = logits(2, 3), objective(2, 3)
        truth = build("estimator", "enumeration").gradient(f, theta, torch.Generator())
        found = build("estimator", name).gradient(f, theta, torch.Generator().manual_seed(0))
        torch.testing.assert_close(found, truth)

    return check


@pytest.fixture
def one_gradient():
    """estimator ↦ a gradient of it, on the same objective."""
    return lambda estimator: estimator.gradient(objective(2, 3), logits(2, 3), torch.Generator().manual_seed(0))
