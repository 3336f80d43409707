"""Densities by their energy alone, modules included, and by the parts of a mixture: against closed forms."""

from __future__ import annotations

import re
import sys
import types
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest
import torch
from torch import nn

from estibench.host.components import make
from estibench.measure.work import measure_work
from estibench.testing import check_density
from estibench_densities import EnergyDensity, IsotropicMixture
from estibench_trace.score_jacobian import ScoreJacobian

UNNAMED = {"registered": "not a plugin", "cites_source": "a test's own"}


class Quadratic(nn.Module):
    """½ xᵀPx with P = LLᵀ, L in float32 and trained."""

    def __init__(self, dim):
        super().__init__()
        self.L = nn.Linear(dim, dim, bias=False)
        with torch.no_grad():
            self.L.weight.copy_(torch.eye(dim) + torch.ones(dim, dim).triu(1) / 2)

    def forward(self, x):
        return 0.5 * self.L(x).square().sum(-1)


@dataclass(frozen=True, kw_only=True)
class Net(EnergyDensity):
    """A normal law given as a network, of `dim` dimensions."""

    dim: int = 3

    exact_sampler = True

    @cached_property
    def energy(self):
        with torch.random.fork_rng(devices=[]):
            return Quadratic(self.dim)

    @property
    def precision(self):
        L = torch.eye(self.dim) + torch.ones(self.dim, self.dim).triu(1) / 2
        return (L.T @ L).double()

    def sample(self, n, generator):
        z = torch.randn(n, self.dim, generator=generator, dtype=torch.float64)
        return torch.linalg.solve_triangular(torch.linalg.cholesky(self.precision), z, upper=False, left=False)


@dataclass(frozen=True, kw_only=True)
class Function(Net):
    """The same as a function, of `dim` dimensions."""

    @property
    def energy(self):
        P = self.place(self.precision)
        return lambda x: 0.5 * ((x @ P) * x).sum(-1)


@pytest.mark.parametrize("cls", [Net, Function])
def test_derivatives_of_an_energy_are_those_of_the_law(cls):
    density = cls()
    x = density.sample(6, torch.Generator().manual_seed(0)).reshape(2, 3, 3)
    P = density.precision
    torch.testing.assert_close(density.log_prob(x), -0.5 * ((x @ P) * x).sum(-1))
    torch.testing.assert_close(density.score(x), -x @ P)
    torch.testing.assert_close(density.laplacian(x), -P.trace().expand(2, 3))
    assert density.log_normalizer is None
    single = density.at("cpu", "float32").score(x.float())
    torch.testing.assert_close(single.double(), -x @ P, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("cls", [Net, Function])
def test_an_energy_conforms(cls):
    """Samples follow the score and the density: the kit's own levels, 1e-6 each."""
    check_density(cls, expected_failures=UNNAMED)


@pytest.mark.parametrize("name", ["exact", "hutchinson"])
def test_a_module_serves_a_problem_and_its_work_can_be_counted(build, name):
    density = Net()
    problem = ScoreJacobian(density=density, dim=3, batch=4)
    problem.prepare()
    estimator = build("estimator", name)
    work = measure_work(lambda: estimator.estimate(problem, torch.Generator().manual_seed(0)), "cpu")
    assert work.flops > 0
    if name == "exact":
        torch.testing.assert_close(estimator.estimate(problem, torch.Generator()), problem.truth)
    assert density.energy.training
    assert all(weight.requires_grad and weight.grad is None for weight in density.energy.parameters())


@pytest.mark.parametrize("name", ["ula", "mala"])
def test_a_module_can_be_sampled(host, build, name):
    problem = build("problem", "sampling", density={"name": "gaussian"}, dim=3, chains=8)
    object.__setattr__(problem, "density", Net())
    problem.prepare()
    sampler = make(host, "estimator", name, {"steps": 4}).build(host)
    work = measure_work(lambda: sampler.estimate(problem, torch.Generator().manual_seed(0)), "cpu")
    assert work.flops > 0


@dataclass(frozen=True, kw_only=True)
class Pair(IsotropicMixture):
    """¼ N(−1, ¼I) + ¾ N(1, I) in `dim` dimensions: all that an author writes of a mixture."""

    dim: int = 2

    @property
    def clean_components(self):
        means = torch.stack([-torch.ones(self.dim), torch.ones(self.dim)]).double()
        return means, torch.tensor([0.25, 0.75]).double(), torch.tensor([0.5, 1.0]).double()


def test_a_mixture_is_its_components():
    check_density(Pair, expected_failures=UNNAMED)
    x = torch.randn(5, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    normal = torch.distributions.Normal
    parts = [normal(-1.0, 0.5).log_prob(x).sum(-1).exp() / 4, normal(1.0, 1.0).log_prob(x).sum(-1).exp() * 3 / 4]
    torch.testing.assert_close(Pair().log_prob(x), (parts[0] + parts[1]).log())


def test_the_energy_network_of_the_page_conforms(monkeypatch):
    page = (Path(__file__).parents[2] / "docs" / "writing_a_density.md").read_text(encoding="utf-8")
    (code,) = (block for block in re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL) if "EnergyDensity" in block)
    module = types.ModuleType("documented_energy")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(code, vars(module))
    outcomes = check_density(module.NetworkDensity, expected_failures={"registered": "not a plugin"})
    passed = {outcome.check for outcome in outcomes if outcome.status == "passed"}
    assert {"score_is_the_gradient", "laplacian_is_the_trace", "shapes_follow_the_batch"} <= passed
