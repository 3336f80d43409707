"""Libraries of flows and neural ODEs: direction of time, signs, and parameters that are all differentiated.

Fields depend on time and are not symmetric, so that a field that is met backwards, transposed or at another time is
another number.
"""

from __future__ import annotations

import pytest
import torch

from estibench.testing import assert_unbiased
from estibench_peers.meta_flow_matching import euler

GRADIENTS = [
    ("torchdiffeq_odeint", "torchdiffeq", {}),
    ("torchdiffeq_adjoint", "torchdiffeq", {"points": 5}),
    ("zuko_odeint", "zuko", {"rtol": 1e-7, "atol": 1e-7}),
    *[
        ("torchode_adjoint", "torchode", {"adjoint": adjoint, "rtol": 1e-7, "atol": 1e-7, "points": points})
        for adjoint, points in (("autodiff", 3), ("backsolve", 2), ("joint_backsolve", 3))
    ],
    *[
        ("torchdyn_neural_ode", "torchdyn.core", {"sensitivity": sensitivity, "tolerance": 1e-7, "points": points})
        for sensitivity, points in (("autograd", 2), ("adjoint", 3), ("interpolated_adjoint", 5))
    ],
]


@pytest.mark.parametrize(("name", "module", "parameters"), GRADIENTS)
def test_a_gradient_through_an_ode_is_that_of_the_exact_solution(build, name, module, parameters):
    pytest.importorskip(module, reason=f"no module {module}: make peers")
    problem = build("problem", "mlp_ode", dim=3, batch=2, time=0.7).at("cpu", "float64")
    found = build("estimator", name, **parameters).estimate(problem, torch.Generator())
    torch.testing.assert_close(found, problem.truth, rtol=1e-3, atol=1e-4 * float(problem.truth.norm()))


@pytest.fixture(params=["linear_flow", "mlp_flow"])
def flow(request, build):
    parameters = {"speed": "periodic"} if request.param == "linear_flow" else {}
    return build("problem", request.param, dim=3, batch=4, time=0.7, **parameters).at("cpu", "float64")


@pytest.mark.parametrize(
    ("name", "module", "parameters", "atol"),
    [
        ("zuko_free_form", "zuko", {}, 1e-4),
        ("torchdyn_cnf", "torchdyn.core", {"tolerance": 1e-6}, 1e-4),
        ("flow_matching_likelihood", "flow_matching", {"exact_divergence": True, "steps": 500}, 2e-2),
    ],
)
def test_a_log_density_with_an_exact_trace_is_that_of_the_flow(build, flow, name, module, parameters, atol):
    pytest.importorskip(module, reason=f"no module {module}: make peers")
    found = build("estimator", name, **parameters).estimate(flow, torch.Generator())
    torch.testing.assert_close(found, flow.truth, rtol=0, atol=atol)


def test_flow_matching_takes_euler_s_steps(build, flow):
    pytest.importorskip("flow_matching", reason="no module flow_matching: make peers")
    found = build("estimator", "flow_matching_likelihood", exact_divergence=True).estimate(flow, torch.Generator())
    torch.testing.assert_close(found, flow.truth + euler(flow, 16), rtol=0, atol=1e-9)
    assert float(euler(flow, 16).abs().max()) > 1e-3


@pytest.mark.parametrize(
    ("name", "module", "parameters", "dtype"),
    [
        ("zuko_free_form", "zuko", {"exact": False}, "float64"),
        ("torchdyn_cnf", "torchdyn.core", {"trace": "hutch", "tolerance": 1e-4}, "float64"),
        ("flow_matching_likelihood", "flow_matching", {}, "float32"),
    ],
)
def test_an_estimated_trace_has_the_mean_of_the_exact_one(build, flow, name, module, parameters, dtype):
    """False-failure rate 1e-6; the solver's steps depend on the noise, by less than its tolerance."""
    pytest.importorskip(module, reason=f"no module {module}: make peers")
    estimator, problem = build("estimator", name, **parameters), flow.at("cpu", dtype)
    exact = flow.noiseless(estimator)
    assert_unbiased(
        lambda generator: estimator.estimate(problem, generator), exact, draws=100, rate=1e-6, tolerance=1e-3
    )


def test_flow_matching_has_no_probes_in_float64(build, flow):
    pytest.importorskip("flow_matching", reason="no module flow_matching: make peers")
    with pytest.raises(Exception, match="probes are float32"):
        build("estimator", "flow_matching_likelihood").estimate(flow, torch.Generator())


def test_normflows_log_determinant_has_its_sign(build):
    """In two dimensions and evaluation mode the library has a closed form."""
    pytest.importorskip("normflows", reason="no module normflows: make peers")
    problem = build("problem", "residual_block", dim=2, batch=3, family="linear", lipschitz=0.5).at("cpu", "float64")
    found = build("estimator", "normflows_residual", mode="eval").estimate(problem, torch.Generator())
    torch.testing.assert_close(found, problem.truth)
    assert float(problem.truth.norm()) > 0.05


@pytest.mark.parametrize("parameters", [{}, {"n_samples": 3}, {"n_dist": "poisson"}])
def test_normflows_without_its_neumann_gradient_is_unbiased(build, parameters):
    """False-failure rate 1e-6."""
    pytest.importorskip("normflows", reason="no module normflows: make peers")
    problem = build("problem", "residual_block", dim=6, batch=2, lipschitz=0.6).at("cpu", "float64")
    estimator = build("estimator", "normflows_residual", reduce_memory=False, **parameters)
    assert_unbiased(lambda generator: estimator.estimate(problem, generator), problem.truth, rate=1e-6)
