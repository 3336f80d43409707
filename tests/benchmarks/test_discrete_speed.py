"""Speed of the discrete plugin: vectorised draws against a loop of single estimates, in one interleaved run."""

import pytest
import torch

from estibench.measure.draws import Drawer

DRAWS = 10_000
ESTIMATORS = [
    ("reinforce", {"samples": 4, "baseline": "leave_one_out"}),
    ("straight_through", {}),
    ("gumbel_softmax", {"tau": 0.5}),
    ("gumbel_rao", {"tau": 0.5, "inner": 10}),
    ("rebar", {}),
]


@pytest.mark.parametrize(("name", "parameters"), ESTIMATORS, ids=[name for name, _ in ESTIMATORS])
def test_vectorised_draws_against_a_loop(build, compare, name, parameters):
    """L = 4, K = 8, 10⁴ draws; the goal is a twentieth of the loop's time. A hundredth of the loop is timed."""
    problem = build("problem", "product", variables=4, values=8).at("cpu", "float32")
    estimator = build("estimator", name, **parameters)
    problem.prepare()
    drawer, generator = Drawer(estimator, problem, DRAWS), torch.Generator().manual_seed(0)
    compare(
        {
            "vectorised": lambda: drawer.draw(DRAWS, 0),
            "loop": lambda: [estimator.estimate(problem, generator) for _ in range(DRAWS // 100)],
        },
        lambda seconds: seconds["vectorised"] / (100 * seconds["loop"]),
        goal=1 / 20,
        rounds=7,
    )
    assert drawer.path == "vmap"
