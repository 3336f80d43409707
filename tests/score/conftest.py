"""Draws of an estimator on a problem."""

from __future__ import annotations

import pytest
import torch

from estibench.measure.draws import Drawer
from estibench.measure.statistics import Moments


@pytest.fixture
def draw():
    """`draw(estimator, problem, n)`: n draws by the harness's own path, (n, components), float64."""

    def draw(estimator, problem, n, seed=0):
        problem.prepare()
        drawer = Drawer(estimator, problem, 4096)
        values = drawer.draw(n, seed).values
        assert drawer.path == "draws"
        return values

    return draw


@pytest.fixture
def moments(draw):
    """Their moments about the truth."""

    def moments(estimator, problem, n, seed=0):
        return Moments(draw(estimator, problem, n, seed), problem.truth.reshape(-1))

    return moments


@pytest.fixture
def spread():
    """Total variance of draws (n, p) and its standard error."""

    def spread(values: torch.Tensor) -> tuple[float, float]:
        squares = (values - values.mean(0)).square().sum(1)
        return float(squares.sum() / (len(values) - 1)), float(squares.std() / len(values) ** 0.5)

    return spread
