"""What the public contract gives an author: capabilities, counted oracles, and modules in the place of functions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import pytest
import torch
from torch import nn

from estibench import Estimator, counting
from estibench.measure.work import measure_work
from estibench_flow import (
    Flow,
    FlowProblem,
    HasNoiselessTwin,
    HasOwnSolver,
    ModuleDynamics,
    OdeProblem,
    ResidualProblem,
    joined,
)


def rand(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@dataclass(frozen=True)
class Plain(Estimator):
    """Backpropagation through Euler steps, or half of that: an outsider without capabilities."""

    steps: int = 4
    factor: float = 1.0

    def solve(self, field, start, time):
        z, h = start, time / self.steps
        for n in range(self.steps):
            z = z + h * field(z.new_tensor(n * h), z)
        return z

    def estimate(self, problem, generator):
        start, theta = (leaf.detach().requires_grad_() for leaf in (problem.start, problem.parameters))
        final = self.solve(problem.field(theta), start, problem.time)
        return self.factor * joined(*torch.autograd.grad(problem.loss(final), (start, theta)))


@dataclass(frozen=True)
class Shown(Plain, HasOwnSolver):
    """The same, and it says how it solves."""


def test_the_discretisation_is_judged_where_the_estimator_shows_its_solver(build):
    problem = build("problem", "mlp_ode", dim=3, batch=4, hidden=8)
    for factor in (1.0, 0.5):
        estimate = Shown(factor=factor).estimate(problem, torch.Generator())
        with torch.no_grad():  # as the host does
            assert problem.errors(estimate, Plain(factor=factor)) == {}
            found = problem.errors(estimate, Shown(factor=factor))
        assert float(found["discretised"]) == pytest.approx(1 - factor, abs=1e-14)


def test_an_outsiders_euler_is_the_built_in_one_in_value_and_cost(build):
    problem = build("problem", "mlp_ode", dim=3, batch=4, hidden=8)
    ours = build("estimator", "solver_gradient", solver="euler", steps=4)
    with counting() as counts:
        theirs = Plain().estimate(problem, torch.Generator())
    assert torch.equal(theirs, ours.estimate(problem, torch.Generator()))
    assert counts == {"evaluation": 4, "nfe": 4, "vjp": 4}


@dataclass(frozen=True)
class Probed(Estimator):
    """Euler steps and one normal probe, or the whole trace."""

    steps: int = 4
    exact: bool = False

    def estimate(self, problem, generator):
        return self.log_density(problem.flow, problem.points, generator)

    def log_density(self, flow, z, generator):
        h, trace = flow.time / self.steps, 0
        unit = torch.eye(z.shape[-1], dtype=z.dtype)[:, None, :].expand(-1, *z.shape)
        v = unit if self.exact else torch.randn(1, *z.shape, generator=generator, dtype=z.dtype)
        for n in range(self.steps):
            f, products = flow.vjp(z.new_tensor(n * h), z)
            z, trace = z + h * f, trace + h * (v * products(v)).sum((0, -1))
        return flow.log_prior(z) + trace


@dataclass(frozen=True)
class Twinned(Probed, HasNoiselessTwin):
    """The same, and it knows itself without noise."""

    @property
    def noiseless(self):
        return Probed(self.steps, exact=True)


def test_the_error_budget_of_an_outsider_adds_up_with_a_twin_and_is_partial_without(build):
    density = {"name": "gaussian_mixture", "layout": "random", "spread": 1.5}
    problem = build(
        "problem", "probability_flow", dim=3, batch=4, density=density, process="ve", prior="normal", time=0.5
    )
    estimate = Twinned().estimate(problem, torch.Generator().manual_seed(0))
    exact = build("estimator", "cnf", solver="euler", steps=4).estimate(problem, torch.Generator())
    parts, partial = problem.errors(estimate, Twinned()), problem.errors(estimate, Probed())
    assert set(partial) == {"prior_mismatch"}
    assert float(parts["trace_noise"]) == pytest.approx(float((estimate - exact).abs().mean()))
    solver = exact - problem.truth - problem.prior_mismatch
    assert float(parts["solver"]) == pytest.approx(float(solver.abs().mean()))
    assert float(parts["prior_mismatch"]) == float(partial["prior_mismatch"]) > 0


def test_one_run_is_what_runs_side_by_side_are(build):
    """The same minibatches and, with an exact trace, the same steps; `cnf` trains the same way."""
    density = {"name": "gaussian", "covariance": "full"}
    problem = build("problem", "density_fit", density=density, hidden=8, batch=16, steps=10, held_out=32)
    outsider = Probed(exact=True)

    def log_density(flow, x, generator):
        return outsider.log_density(flow, x, generator) if x.dim() == 2 else None

    with counting() as counts:
        curve = problem.curve(problem.fit(log_density, torch.Generator().manual_seed(0)), outsider)
    assert counts == {"evaluation": 40, "nfe": 40, "vjp": 80}, "what training spends, and not what measuring does"
    ours = build("estimator", "cnf", solver="euler", steps=4)
    again = problem.curve(ours.estimate(problem, torch.Generator().manual_seed(0)), ours)
    torch.testing.assert_close(curve, again, rtol=1e-6, atol=1e-6)
    assert float(curve[-1]) < float(curve[0])


def test_products_of_a_flow_are_counted_and_differentiable_only_in_training():
    A = rand(3, 3).requires_grad_()
    z, v = rand(4, 3, seed=1), rand(5, 4, 3, seed=2)
    for differentiable in (False, True):
        flow = Flow(lambda t, z: torch.tanh(z @ A.T), 1.0, lambda z: z.sum(-1), differentiable)
        with counting() as counts:
            f, products = flow.vjp(torch.tensor(0.0), z)
            found = products(v)
        torch.testing.assert_close(found, (v * (1 - f.square())) @ A)
        assert counts == {"evaluation": 1, "nfe": 1, "vjp": 5}
        assert f.requires_grad == found.requires_grad == differentiable
    torch.testing.assert_close(
        torch.autograd.grad(found.sum(), A)[0],
        torch.autograd.grad(((v * (1 - torch.tanh(z @ A.T).square())) @ A).sum(), A)[0],
    )


class Net(nn.Module):
    """f(t, z), in float32, with a buffer and dropout."""

    def __init__(self, dim):
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.net = nn.Sequential(nn.Linear(dim, 8), nn.Tanh(), nn.Dropout(0.5), nn.Linear(8, dim))
        self.register_buffer("speed", torch.tensor(0.5))

    def forward(self, t, z):
        return self.speed * torch.cos(t) * self.net(z)


NET = Net(3)


@pytest.fixture(autouse=True)
def module_is_left_alone():
    before = {name: value.clone() for name, value in NET.state_dict().items()}
    yield
    assert NET.training
    assert all(torch.equal(value, before[name]) for name, value in NET.state_dict().items())
    assert all(weight.requires_grad and weight.grad is None for weight in NET.parameters())


@dataclass(frozen=True, kw_only=True)
class ModuleOde(OdeProblem):
    """A module with its weights as parameters."""

    dim: int = 3
    batch: int = 4

    @cached_property
    def dynamics(self):
        return ModuleDynamics(NET)

    @property
    def exact_parameters(self):
        return self.dynamics.parameters

    @property
    def truth(self):
        return torch.zeros(3 * 4 + len(self.exact_parameters), dtype=torch.float64)

    @property
    def truth_source(self):
        return "none"


def test_a_module_is_a_function_of_its_weights():
    problem = ModuleOde()
    field, t = problem.dynamics(problem.parameters), torch.tensor(0.3, dtype=torch.float64)
    reference = Net(3).double().eval()
    torch.testing.assert_close(field(t, problem.start), reference(t, problem.start))
    estimate = Plain(steps=1).estimate(problem, torch.Generator())
    start = problem.start.clone().requires_grad_()
    problem.loss(start + reference(torch.zeros((), dtype=torch.float64), start)).backward()
    expected = joined(start.grad, torch.cat([weight.grad.reshape(-1) for weight in reference.parameters()]))
    torch.testing.assert_close(estimate, expected)
    single = Plain(steps=1).estimate(problem.at("cpu", "float32"), torch.Generator())
    torch.testing.assert_close(single.double(), estimate, rtol=1e-4, atol=1e-5)


@dataclass(frozen=True, kw_only=True)
class ModuleFlow(FlowProblem):
    """A module as a flow, as it comes."""

    dim: int = 3

    @property
    def dynamics(self):
        return NET

    @property
    def truth(self):
        return torch.zeros(self.batch, dtype=torch.float64)

    @property
    def truth_source(self):
        return "none"


@dataclass(frozen=True, kw_only=True)
class ModuleBlock(ResidualProblem):
    """The module's layers as a residual block."""

    dim: int = 3

    @property
    def residual(self):
        return NET.net

    @property
    def truth(self):
        return torch.zeros(self.batch, dtype=torch.float64)

    @property
    def truth_source(self):
        return "none"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("problem", "name", "parameters"),
    [
        (ModuleFlow(), "cnf", {"solver": "rk4", "steps": 2}),
        (ModuleFlow(), "cnf", {"solver": "rk4", "steps": 2, "trace": "gaussian", "probes": 2}),
        (ModuleFlow(), "discrete_flow", {"steps": 2}),
        (ModuleBlock(), "slogdet", {}),
        (ModuleBlock(), "russian_roulette", {"probes": 2}),
        (ModuleOde(), "solver_gradient", {"solver": "rk4", "steps": 2}),
        (ModuleOde(), "solver_gradient", {"solver": "rk4", "steps": 2, "gradient": "adjoint"}),
    ],
)
def test_estimators_work_on_modules_and_their_work_can_be_counted(build, problem, name, parameters, dtype):
    """Counting FLOPs puts hooks on every module, which refuse leaves; matrix products are then seen."""
    estimator, placed = build("estimator", name, **parameters), problem.at("cpu", dtype)
    estimate = estimator.estimate(placed, torch.Generator().manual_seed(0))
    assert estimate.dtype == placed.torch_dtype
    assert torch.isfinite(estimate).all()
    work = measure_work(lambda: estimator.estimate(placed, torch.Generator().manual_seed(0)), "cpu")
    assert work.flops > 0
    assert work.counts["vjp"] > 0
    wide = estimator.estimate(problem.at("cpu", "float64"), torch.Generator().manual_seed(0))
    if name != "russian_roulette" and "probes" not in parameters:  # not random
        torch.testing.assert_close(estimate.double(), wide, rtol=1e-4, atol=1e-4)
