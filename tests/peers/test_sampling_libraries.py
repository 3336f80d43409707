"""Libraries of samplers: on an anisotropic normal target their law is the recursion of their documentation."""

from __future__ import annotations

import pytest
import torch

from estibench import Reads
from estibench.testing import assert_unbiased

LINEAR = [
    ("torchebm_langevin", "torchebm", {"step_size": 0.2}),
    ("torchsde_sdeint", "torchsde", {"dt": 0.2, "method": "euler"}),
    ("posteriors_sgld", "posteriors", {"lr": 0.2}),
    ("posteriors_sghmc", "posteriors", {"lr": 0.2, "alpha": 1.0, "sigma": 1.5}),
    ("posteriors_baoa", "posteriors", {"lr": 0.4, "alpha": 1.0, "sigma": 1.5}),
]


def readings(problem, sampler, generator: torch.Generator) -> torch.Tensor:
    """spread and mahalanobis of one run, (2,)."""
    found = problem.readings(sampler.estimate(problem, generator), sampler)
    return torch.stack([found["spread"], found["mahalanobis"]])


@pytest.fixture
def normal(build):
    """A diagonal normal, mean not 0, from a start that is neither it nor centred on it."""
    density = {"name": "gaussian", "covariance": "diagonal"}
    return build("problem", "sampling", density=density, dim=3, chains=128).at("cpu", "float64")


@pytest.mark.parametrize(("name", "module", "parameters"), LINEAR)
def test_a_sampler_has_the_law_of_its_documentation(build, normal, name, module, parameters):
    """After 5 steps, when the start still counts. False-failure rate 1e-6."""
    pytest.importorskip(module, reason=f"no module {module}: make peers")
    sampler = build("estimator", name, steps=5, **parameters)
    formulas = {claim.name: claim.formula for claim in sampler.claims if isinstance(claim, Reads)}
    law = torch.tensor([formulas[name](normal, sampler) for name in ("spread", "mahalanobis")], dtype=torch.float64)
    assert_unbiased(lambda generator: readings(normal, sampler, generator), law, draws=60, rate=1e-6)


@pytest.mark.parametrize("parameters", [{"step_size": 0.5}, {"step_size": 0.7, "mass": 2.0}])
def test_hamiltonian_monte_carlo_stays_in_its_target(build, parameters):
    """From the target, with steps so long that some proposals are rejected. False-failure rate 1e-6."""
    pytest.importorskip("torchebm", reason="no module torchebm: make peers")
    density = {"name": "gaussian", "covariance": "diagonal"}
    problem = build("problem", "sampling", density=density, dim=3, chains=128, start="exact").at("cpu", "float64")
    sampler = build("estimator", "torchebm_hmc", steps=4, **parameters)
    assert_unbiased(lambda generator: readings(problem, sampler, generator), torch.ones(2), draws=60, rate=1e-6)
