"""Cells of the evidence tasks, small, and the verdicts on their claims."""

from __future__ import annotations

import pytest
import torch

from estibench import counting
from estibench.analysis.verdicts import judge
from estibench.measure.draws import Drawer
from estibench.measure.metrics import claims
from estibench.measure.sampling import Sample
from estibench.suite import Settings

SETTINGS = Settings(min_draws=2, max_draws=2, rounds=0)


@pytest.fixture(scope="session")
def measure():
    """`measure(estimator, problem, n)`: n draws by the harness's own path, as statistics and claims get them."""

    def measure(estimator, problem, n, seed=0):
        problem.prepare()
        estimator.estimate(problem, torch.Generator().manual_seed(seed))
        drawer = Drawer(estimator, problem, 4096)
        drawn = drawer.draw(n, seed)
        assert drawer.path == "vmap", drawer.fallback
        columns = {} if drawn.readings is None else dict(zip(drawer.columns, drawn.readings.T, strict=True))
        return Sample(drawn.values, drawn.errors, "max_draws", 0, 0.0, columns)

    return measure


@pytest.fixture(scope="session")
def verdicts(measure):
    """`verdicts(estimator, problem, n)`: the verdict on each claim, by title, from n draws and counted work."""

    def verdicts(estimator, problem, n, seed=0):
        sample = measure(estimator, problem, n, seed)
        with counting() as counts:
            estimator.estimate(problem, torch.Generator().manual_seed(0))
        row = claims(sample, problem, dict(counts), SETTINGS, estimator)
        judge([row])
        return {claim["claim"]: claim["verdict"] for claim in row["claims"]}

    return verdicts
