"""Draws for the tests of this plugin."""

import pytest
import torch

from estibench.measure.draws import Drawer


@pytest.fixture
def draw():
    """`draw(estimator, problem, n)`: n estimates in one vectorised call, (n, components), float64."""

    def draw(estimator, problem, n, seed=0):
        problem.prepare()
        _ = problem.truth
        estimator.estimate(problem, torch.Generator().manual_seed(0))
        drawer = Drawer(estimator, problem, 8192)
        values = drawer.draw(n, seed).values
        assert drawer.path == "vmap", drawer.fallback
        return values

    return draw
