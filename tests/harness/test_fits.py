"""Fits: one training loop, judged from its snapshots when the clocks have stopped."""

import importlib
from pathlib import Path

import pytest
import torch

from estibench import Fit
from estibench import host as plugin_host
from estibench.host.components import make
from estibench.measure import measure_block
from estibench.measure.draws import Drawer
from estibench.measure.readings import reads
from estibench.measure.work import FIRST_STEPS
from estibench.suite import Block, Settings

PLUGIN = Path(__file__).parent / "plugins" / "valley.py"
TARGET = 3.0


@pytest.fixture(scope="module")
def host():
    yield plugin_host.start([str(PLUGIN)])
    plugin_host.start()


@pytest.fixture(scope="module")
def measured(host):
    """The row of an estimator, by name."""

    def measured(name):
        components = (make(host, "estimator", name, {}),)
        block = Block(make(host, "problem", "valley", {}), "valley_fit", "cpu", "float64", components, 0)
        return measure_block(block, Settings(min_draws=8, max_draws=8, rounds=0))[0]

    return measured


@pytest.mark.parametrize("schedule", ["cosine", "constant"])
def test_the_loop_is_torchs_adam(build, schedule):
    problem, descent = build("problem", "valley", schedule=schedule), build("estimator", "descent")
    leaf = torch.zeros((), dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.Adam([leaf], lr=problem.rate)
    rates = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, problem.steps)
    stream, values = torch.Generator().manual_seed(0), [leaf.item()]
    for _ in range(problem.steps):
        leaf.grad = leaf.detach() - TARGET + 0.1 * torch.randn((), generator=stream, dtype=torch.float64)
        optimiser.step()
        if schedule == "cosine":
            rates.step()
        values.append(leaf.item())
    fit = descent.estimate(problem.at("cpu", "float64"), torch.Generator().manual_seed(0))
    expected = torch.tensor([values[step] for step in problem.checkpoints], dtype=torch.float64)
    torch.testing.assert_close(fit.snapshots[0], expected, rtol=1e-12, atol=1e-12)
    assert float(fit.final[0]) == float(fit.snapshots[0][-1])


def test_checkpoints_are_zero_four_to_a_decade_and_the_last(build):
    problem = build("problem", "valley", steps=120)
    assert problem.checkpoints == (0, 1, 2, 3, 6, 10, 18, 32, 56, 100, 120)
    assert problem.axis == ("step", tuple(map(float, problem.checkpoints)))


def test_runs_side_by_side_are_single_ones(build):
    problem = build("problem", "valley").at("cpu", "float64")
    still, noisy = build("estimator", "descent", noise=0.0), build("estimator", "descent")
    one = problem.curve(still.estimate(problem, torch.Generator()), still)
    torch.testing.assert_close(Drawer(still, problem, 4).draw(3, 0).values, one.expand(3, -1))
    drawn = Drawer(noisy, problem, 4).draw(3, 0)
    assert len(set(drawn.values[:, -1].tolist())) == 3
    assert len(set(drawn.values[:, 0].tolist())) == 1
    assert drawn.readings.shape == (3, 6)  # three distances and their floors


def test_judging_is_not_the_estimators_and_work_needs_no_whole_run(measured):
    """100 steps are 100 evaluations, though every curve and every set of samples counts 1 000."""
    row = measured("descent")
    assert (row["status"], row["cost_evaluation"], row["flops"]) == ("ok", 100, 0)
    assert FIRST_STEPS < 100


def test_samples_are_compared_with_real_ones_beside_the_floor(build, measured):
    """The final model is N(θ, I), θ near 3, and all distances near the floor; at θ = 0 they are those of a shift.

    The mean over directions in the plane of |⟨v, s⟩| is 2/π ‖s‖.
    """
    row = measured("descent")
    for name in ("sliced_wasserstein", "energy_distance", "mmd"):
        assert row[f"error_{name}"] < 3 * row[f"reading_floor_{name}"]
    problem = build("problem", "valley").at("cpu", "float64")
    lost = Fit((torch.zeros(len(problem.checkpoints), dtype=torch.float64),))
    found = float(problem.errors(lost, None)["sliced_wasserstein"])
    assert found == pytest.approx(2 / torch.pi * TARGET * 2**0.5, rel=0.06)


def test_what_is_not_sampled_has_no_distances(build):
    problem = build("problem", "valley", judged=False)
    assert problem.errors(None, None) == problem.readings(None, None) == {}
    bare = type("Bare", (type(problem),), {"real": importlib.import_module("estibench").FitProblem.real})
    assert not reads(bare(), build("estimator", "descent"))
    told = type("Told", (bare,), {"readings": lambda self, fit, estimator: {"depth": 1.0}})
    assert reads(told(), build("estimator", "descent")), "a fit that is not sampled may still be read"


def test_a_curve_is_no_fit(measured):
    row = measured("curve")
    assert row["status"] == "failed"
    assert "expected an estibench.Fit" in row["reason"]


def test_a_run_that_explodes_is_not_finite(measured):
    assert measured("exploding")["status"] == "not_finite"


def test_what_follows_a_rule_of_its_own_is_settled_after_each_step(build):
    """Step k adds k, the state that its gradient returns; Adam leaves alone what has a gradient of 0."""
    problem = build("problem", "valley", steps=10)
    rule = type("Rule", (type(problem),), {"after_step": lambda self, parameters, k: (parameters[0] + k,)})
    seen = []

    def gradient(parameters, k):
        seen.append(float(parameters[0]))
        return (torch.zeros_like(parameters[0]),), k + 1

    fit = rule(steps=10).train((torch.zeros((), dtype=torch.float64),), gradient, 0)
    assert fit.snapshots[0].tolist() == [k * (k + 1) / 2 for k in problem.checkpoints]
    assert seen == [k * (k + 1) / 2 for k in range(10)]
