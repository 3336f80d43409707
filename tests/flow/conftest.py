"""Draws of an estimator on a problem."""

from __future__ import annotations

import pytest

from estibench.measure.draws import Drawer


@pytest.fixture
def draw():
    """`draw(estimator, problem, n)`: n draws by the harness's own path and their standard errors, float64."""

    def draw(estimator, problem, n, seed=0):
        problem.prepare()
        drawer = Drawer(estimator, problem, 100_000)
        drawn = drawer.draw(n, seed)
        assert drawer.path == "draws"
        return drawn[0], drawn[1]

    return draw
