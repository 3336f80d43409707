"""A user's objects are left as they are, and what cannot be measured is refused in one clear line."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import estibench
from estibench.host import current
from estibench.host.components import checked_objects, own_of

MIXES = "mixes the points of a batch"


def make(task: str, **objects: Any) -> Any:
    """The problem that the task makes of the objects."""
    own = own_of(current(), task)
    return own.make(**checked_objects(own.make, objects, task))


def network(*layers: nn.Module) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 8), *layers, nn.Linear(8, 3))


X = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))


def test_divergence_is_the_trace_of_the_jacobian() -> None:
    net = network(nn.Tanh())
    problem = make("divergence", field=net, points=X)
    exact = copy.deepcopy(net).double()
    J = torch.stack([torch.autograd.functional.jacobian(exact, x) for x in X.double()])
    assert torch.allclose(problem.truth, J.diagonal(dim1=1, dim2=2).sum(1), rtol=1e-12)
    S = 0.5 * (J + J.mT)
    assert torch.allclose(problem.sums.frobenius, S.square().sum((1, 2)), rtol=1e-12)
    assert torch.allclose(problem.sums.entries, J.square().sum((1, 2)), rtol=1e-12)
    assert not problem.truth.requires_grad


def test_a_truth_that_costs_too_much_is_a_reference_with_a_standard_error() -> None:
    """A diagonal Jacobian costs Rademacher probes nothing; this one has off-diagonal entries of known size."""
    torch.manual_seed(0)
    conv = nn.Conv2d(1, 1, 3, padding=1)
    x = torch.randn(2, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    exact = make("divergence", field=conv, points=x)
    within = own_of(current(), "divergence").within
    assert within(exact, 1e12, 1e12) is exact
    rough = within(exact, 1.0, 1e12)
    assert rough.reference == 64
    S = exact.sums
    expected = (2 * (S.frobenius - S.diagonal) / 64).sum().sqrt()  # Avron and Toledo 2011, Lemma 8
    assert rough.truth_error == pytest.approx(float(expected), rel=0.25)
    assert float((rough.truth - exact.truth).norm()) < 4 * rough.truth_error
    assert rough.magnitude == pytest.approx(exact.magnitude, rel=0.1)
    assert "64 Rademacher probes" in rough.truth_source
    assert (exact.truth_error, rough.sums) == (0.0, None)


def test_images_are_flattened_inside() -> None:
    torch.manual_seed(0)
    conv = nn.Conv2d(2, 2, 3, padding=1)
    x = torch.randn(3, 2, 4, 5, generator=torch.Generator().manual_seed(0))
    problem = make("divergence", field=conv, points=x)
    assert (problem.batch, problem.dim) == (3, 40)
    # A convolution's Jacobian has the kernel's centre of each channel on the diagonal, at each of 4 · 5 pixels.
    centre = conv.weight[[0, 1], [0, 1], 1, 1].double().sum() * 20
    assert torch.allclose(problem.truth, centre.detach().expand(3), rtol=1e-6)


def test_log_det_is_that_of_the_block() -> None:
    net = network(nn.Tanh())
    problem = make("log_det", residual=net, points=X)
    exact = copy.deepcopy(net).double()
    J = torch.stack([torch.autograd.functional.jacobian(exact, x) for x in X.double()])
    assert torch.allclose(problem.truth, torch.linalg.slogdet(torch.eye(3) + J).logabsdet, rtol=1e-10)


def test_log_density_of_a_linear_flow() -> None:
    """z' = −z/2 on [0, 2]: z(2) = x/e, so log p(x) = log N(x/e; 0, I) − 3 by the trace −3/2."""
    problem = make("log_density", field=lambda z: -0.5 * z, points=X, time=2.0)
    expected = torch.distributions.Normal(0.0, 1.0).log_prob(X.double() / np.e).sum(1) - 3.0
    assert torch.allclose(problem.truth, expected, atol=1e-8)


def test_a_prior_of_the_users_own() -> None:
    law = torch.distributions.MultivariateNormal(torch.zeros(3), 4 * torch.eye(3))
    problem = make("log_density", field=lambda t, z: 0 * z, points=X, prior=law)
    assert torch.allclose(problem.truth, law.log_prob(X).double(), atol=1e-5)


def test_ode_gradient_of_a_linear_field() -> None:
    """z' = Wz + b and L = Σ z(T)²/2: ∂L/∂z₀ = exp(TW)ᵀ z(T)."""
    torch.manual_seed(0)
    field = nn.Linear(3, 3)
    problem = make("ode_gradient", field=field, start=X, loss=lambda z: 0.5 * z.square().sum(), time=1.0)
    W, b = field.weight.detach().double(), field.bias.detach().double()
    flow, shift = torch.linalg.matrix_exp(W), torch.linalg.solve(W, (torch.linalg.matrix_exp(W) - torch.eye(3)) @ b)
    end = X.double() @ flow.T + shift
    assert torch.allclose(problem.truth[:12].reshape(4, 3), end @ flow, rtol=1e-8)
    assert problem.truth.shape == (12 + 9 + 3,)


def test_discrete_gradient_of_a_known_objective() -> None:
    """f(z) = aᵀz: the gradient is p (a − pᵀa)."""
    theta, a = torch.tensor([0.3, -0.2, 1.0]), torch.tensor([1.0, 2.0, -1.0])
    problem = make("discrete_gradient", logits=theta, objective=lambda z: z @ a)
    p = theta.double().softmax(-1)
    assert torch.allclose(problem.truth[0, 0], p * (a - (p * a).sum()), atol=1e-6)


def test_the_score_of_an_energy_and_of_a_logarithm() -> None:
    for objects in ({"energy": lambda x: 0.5 * x.square().sum(-1)}, {"log_prob": lambda x: -0.5 * x.square().sum(-1)}):
        density = make("sampling", dim=3, **objects).density
        assert torch.allclose(density.score(X), -X, atol=1e-6)


def test_the_score_of_noised_data_is_that_of_a_mixture() -> None:
    data = torch.randn(5, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    law = make("score_gradient", network=network(nn.Tanh()), data=data, sigma=0.7).target(0.7)
    law = law.at("cpu", "float64")
    mixture = torch.distributions.MixtureSameFamily(
        torch.distributions.Categorical(torch.ones(5, dtype=torch.float64)),
        torch.distributions.Independent(torch.distributions.Normal(data, 0.7), 1),
    )
    x = X.double().requires_grad_()
    (expected,) = torch.autograd.grad(mixture.log_prob(x).sum(), x)
    assert torch.allclose(law.score(x.detach()), expected, rtol=1e-10)
    assert torch.allclose(law.log_prob(x.detach()), mixture.log_prob(x), rtol=1e-10)


@pytest.mark.parametrize("matrix", ["tensor", "array", "scipy", "function"])
def test_traces_of_matrices_however_they_are_given(matrix: str) -> None:
    from scipy.sparse.linalg import aslinearoperator

    A = torch.randn(6, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    A = A + A.T
    given: Mapping[str, Mapping[str, Any]] = {
        "tensor": {"matrix": A},
        "array": {"matrix": A.numpy()},
        "scipy": {"matrix": aslinearoperator(A.numpy())},
        "function": {"matvec": lambda v: A @ v, "dim": 6},
    }
    assert float(make("trace", **given[matrix]).truth) == pytest.approx(float(A.trace()))


def _norm(mode: bool) -> nn.Sequential:
    return network(nn.BatchNorm1d(8)).train(mode)


REFUSED: dict[str, tuple[str, Callable[[], dict[str, Any]], str]] = {
    "dropout": (
        "divergence",
        lambda: {"field": network(nn.Dropout(0.1)), "points": X},
        "Dropout in training",
    ),
    "batch norm": ("divergence", lambda: {"field": _norm(True), "points": X}, "field: 1: BatchNorm1d in training"),
    "mixing": ("divergence", lambda: {"field": lambda x: x - x.mean(0), "points": X}, MIXES),
    "random": ("divergence", lambda: {"field": torch.rand_like, "points": X}, "must be deterministic"),
    "shape": ("divergence", lambda: {"field": lambda x: x[:, :2], "points": X}, "(4, 3) to (4, 2)"),
    "raises": ("divergence", lambda: {"field": nn.Linear(2, 2), "points": X}, "field: raises RuntimeError on (4, 3)"),
    "no gradient": (
        "divergence",
        lambda: {"field": lambda x: x.detach() ** 2, "points": X},
        "no gradient in its argument; is it made under no_grad, by detach() or by numpy?",
    ),
    "random constants": (
        "divergence",
        lambda: {"field": lambda x: x * torch.rand(3, generator=torch.Generator().manual_seed(0)), "points": X},
        "draws random numbers itself, though always the same",
    ),
    "uncalled": (
        "divergence",
        lambda: {"field": lambda x: nn.Linear(3, 3), "points": X},
        "call it, and give what it makes",
    ),
    "nan": ("divergence", lambda: {"field": lambda x: x / 0 * 0, "points": X}, "are not finite"),
    "whole numbers": ("divergence", lambda: {"field": torch.tanh, "points": torch.ones(2, 2).long()}, "int64"),
    "one point": ("divergence", lambda: {"field": torch.tanh, "points": torch.ones(3)}, "expected (batch, *shape)"),
    "no function": ("divergence", lambda: {"field": 3, "points": X}, "expected a function or an nn.Module, got int"),
    "loss": (
        "ode_gradient",
        lambda: {"field": network(), "start": X, "loss": lambda z: z.sum(1)},
        "loss: expected one number",
    ),
    "log-density": ("sampling", lambda: {"log_prob": lambda x: x.sum(-1).log(), "dim": 3}, "are not finite"),
    "both": ("sampling", lambda: {"log_prob": torch.sum, "energy": torch.sum, "dim": 3}, "either log_prob or energy"),
    "not vectorised": (
        "discrete_gradient",
        lambda: {"logits": torch.zeros(3), "objective": lambda z: z.sum()},
        "write it for a leading axis",
    ),
    "no slope": (
        "discrete_gradient",
        lambda: {"logits": torch.zeros(3), "objective": lambda z: z.argmax(-1).float()},
        "no gradient in its argument",
    ),
    "neither score nor energy": (
        "score_gradient",
        lambda: {"network": nn.Linear(3, 2), "data": X},
        "neither a score of that shape nor energies (4,)",
    ),
    "not square": ("trace", lambda: {"matrix": torch.ones(2, 3)}, "expected a square matrix, got the shape (2, 3)"),
    "unknown object": ("trace", lambda: {"matrx": torch.ones(2, 2)}, "did you mean 'matrix'?"),
    "missing object": ("divergence", lambda: {"field": torch.tanh}, "needs points as well"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_measured_is_refused_in_one_line(kind: str) -> None:
    task, objects, message = REFUSED[kind]
    with pytest.raises(estibench.UserError) as found:
        make(task, **objects())
    assert message in str(found.value)
    assert "\n" not in str(found.value)


def test_eval_mode_is_accepted() -> None:
    make("divergence", field=_norm(False), points=X)
    make("divergence", field=network(nn.Dropout(0.1)).eval(), points=X)


def test_the_users_objects_stay_as_they_are(tmp_path: Path) -> None:
    net = network(nn.Dropout(0.1), nn.BatchNorm1d(8)).eval()
    net[0].weight.grad = torch.ones_like(net[0].weight)
    seen: list[int] = []
    net.register_forward_hook(lambda *_: seen.append(1))
    points = X.clone().requires_grad_()
    parameters = {name: value.clone() for name, value in net.state_dict().items()}
    flags = [(one.requires_grad, one.dtype, one.device, one.grad is None) for one in net.parameters()]
    torch.manual_seed(7), np.random.seed(7), random.seed(7)
    states = torch.get_rng_state(), np.random.get_state()[1].tobytes(), random.getstate()
    torch.set_grad_enabled(False)
    threads = torch.get_num_threads()
    try:
        estibench.assess("divergence", field=net, points=points, seconds=300, directory=tmp_path / "run")
        assert not torch.is_grad_enabled()
    finally:
        torch.set_grad_enabled(True)
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), states[0])
    assert np.random.get_state()[1].tobytes() == states[1]
    assert random.getstate() == states[2]
    assert not net.training
    assert len(net._forward_hooks) == 1
    assert flags == [(one.requires_grad, one.dtype, one.device, one.grad is None) for one in net.parameters()]
    assert torch.equal(net[0].weight.grad, torch.ones_like(net[0].weight))
    assert all(torch.equal(value, parameters[name]) for name, value in net.state_dict().items())
    assert points.requires_grad
    assert points.grad is None
