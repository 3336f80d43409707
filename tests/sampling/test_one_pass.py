"""Metropolis samplers need log p at the points at which they have the score: one pass gives both."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from estibench_sampling.target import Target

SHARING = {
    "gaussian": ({"covariance": "full", "dim": 20}, {"mm": 1}),
    "gaussian_mixture": ({"layout": "random", "dim": 20}, {"mm": 2}),
    "kernel_density": ({"data": "wine", "dim": 13}, {"mm": 2}),
    "logistic_posterior": ({"dim": 30}, {"mm": 2}),
}


class Products(TorchDispatchMode):
    """Counts matrix products."""

    def __init__(self) -> None:
        super().__init__()
        self.found: Counter[str] = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        self.found["mm"] += name in ("mm", "addmm", "matmul", "mv")
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("name", list(SHARING))
def test_both_cost_the_products_of_the_dearer_one(build, name):
    """Of the score alone: what the log-density needs is among them. And the values are those of each alone."""
    parameters, products = SHARING[name]
    law = build("density", name, **parameters).at("cpu", "float64")
    x = law.sample(8, torch.Generator().manual_seed(0))
    alone = law.log_prob(x), law.score(x)
    target = Target(law)
    with Products() as counted:
        found = target.log_prob_and_score(x)
    assert dict(counted.found) == products
    with Products() as counted:
        law.score(x)
    assert dict(counted.found) == products
    for one, other in zip(found, alone, strict=True):
        torch.testing.assert_close(one, other)
