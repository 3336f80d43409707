"""What newcomers get wrong gets one line that says what to do."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.sparse.linalg import LinearOperator
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

import estibench
from estibench.host import current
from estibench.host.components import checked_objects, own_of

X = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))


def make(task: str, **objects: Any) -> Any:
    own = own_of(current(), task)
    return own.make(**checked_objects(own.make, objects, task))


class InTime(nn.Module):
    def forward(self, t: Tensor, x: Tensor) -> Tensor:
        return t * x


class AutogradScore(nn.Module):
    """A score as many write it."""

    def __init__(self) -> None:
        super().__init__()
        self.energy = nn.Linear(3, 1)

    def forward(self, x: Tensor) -> Tensor:
        return -torch.autograd.grad(self.energy(x.requires_grad_(True)).sum(), x, create_graph=True)[0]


class Energy(nn.Module):
    """Its energy is a method of another name."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Linear(3, 1)

    def energy(self, x: Tensor) -> Tensor:
        return self.net(x)[..., 0] + x.square().sum(-1)


class PlainEnergy:
    def log_density(self, x: Tensor) -> Tensor:
        return x.sum(-1)

    def energy(self, x: Tensor) -> Tensor:
        return x.square().sum(-1)


A = np.diag(np.arange(1.0, 7.0)) + 0.1

MESSAGES: dict[str, tuple[str, Callable[[], dict[str, Any]], str]] = {
    "a field of time": (
        "divergence",
        lambda: {"field": InTime(), "points": X},
        "it is called with x alone: fix the rest, as in field=lambda x: f(t, x)",
    ),
    "a class": (
        "divergence",
        lambda: {"field": InTime, "points": X},
        "field: InTime is a class; give an instance of it, InTime(…)",
    ),
    "a class as a network": ("score_gradient", lambda: {"network": Energy, "data": X}, "network: Energy is a class"),
    "a class as an ODE": (
        "ode_gradient",
        lambda: {"field": InTime, "start": X, "loss": torch.sum},
        "field: InTime is a class",
    ),
    "a class as a matrix": ("trace", lambda: {"matrix": LinearOperator}, "matrix: LinearOperator is a class"),
    "a product in numpy": (
        "trace",
        lambda: {"matvec": lambda v: A @ v.numpy(), "dim": 6},
        "matvec: takes and gives tensors, but gives a numpy.ndarray; of a product in numpy make "
        "matrix=scipy.sparse.linalg.LinearOperator(shape, matvec=…)",
    ),
    "a batch of single variables": (
        "discrete_gradient",
        lambda: {"logits": torch.zeros(8, 10), "objective": lambda z: z.square().sum(-1)},
        "logits (8, 10) are 8 variables of 10 values; of a batch of 8 with one variable each give (8, 1, 10): "
        "logits[:, None]",
    ),
    "flat logits": (
        "discrete_gradient",
        lambda: {"logits": torch.zeros(8, 10), "objective": lambda z: nn.Linear(10, 1)(z.reshape(-1, 8, 5)).sum()},
        "logits (8, 10) are 8 variables of 10 values",
    ),
    "no noise": (
        "score_gradient",
        lambda: {"network": nn.Linear(3, 3), "data": X, "sigma": 0.0},
        "sigma: expected a positive noise, got 0.0: data without noise have no score (their standard deviation is",
    ),
    "a module without forward": (
        "sampling",
        lambda: {"energy": Energy(), "dim": 3},
        "energy: expected a function or an nn.Module, got a module without forward; give its method, energy=….energy",
    ),
    "a score that autograd makes": (
        "score_gradient",
        lambda: {"network": AutogradScore(), "data": X, "sigma": 0.3},
        "it is called without gradients: differentiate by torch.func.grad, or give the energy itself",
    ),
    "spectral normalisation in training mode": (
        "log_det",
        lambda: {"residual": nn.Sequential(spectral_norm(nn.Linear(3, 3))), "points": X},
        "residual: 0.parametrizations.weight.0: spectral_norm in training mode changes with every call; call .eval()",
    ),
    "the same, as it was": (
        "log_det",
        lambda: {"residual": torch.nn.utils.spectral_norm(nn.Linear(3, 3)), "points": X},
        "residual: spectral_norm in training mode changes with every call; call .eval()",
    ),
    "an object that is no function": (
        "sampling",
        lambda: {"energy": PlainEnergy(), "dim": 3},
        "energy: expected a function or an nn.Module, got PlainEnergy; give its method, energy=….energy",
    ),
}


@pytest.mark.parametrize("kind", MESSAGES)
def test_one_line_says_what_to_do(kind: str) -> None:
    task, objects, message = MESSAGES[kind]
    with pytest.raises(estibench.UserError) as found:
        make(task, **objects())
    assert message in str(found.value)
    assert "\n" not in str(found.value)


def test_the_method_that_the_message_names_works() -> None:
    assert torch.allclose(make("sampling", energy=PlainEnergy().energy, dim=3).density.score(X), -2 * X)
    assert make("sampling", energy=Energy().energy, dim=3).density.score(X).shape == X.shape


def test_a_misspelt_argument_of_assess_is_found() -> None:
    with pytest.raises(estibench.UserError, match="unknown object 'second'; did you mean 'seconds'"):
        estibench.assess("divergence", field=torch.tanh, points=X, second=3)


def test_a_linear_operator_without_a_transpose_is_measured(tmp_path: Path) -> None:
    """By what needs none; the rest says so."""
    operator = LinearOperator(A.shape, matvec=lambda v: A @ v, dtype=np.float64)
    ladder = own_of(current(), "trace").ladder(make("trace", matrix=operator))
    found = estibench.assess(
        "trace", matrix=operator, seconds=3600, estimators=[*ladder, "hutchinson(probes=3)"], directory=tmp_path / "run"
    )
    frame = found.frame.set_index("estimator")
    assert frame.loc["exact(method=jvp)", "rmse"] < 1e-10
    assert frame.loc["hutchinson(probes=1, product=jvp)", "claims_refuted"] == 0
    assert frame.loc["hutchinson(probes=3)", "reason"].endswith("has no transpose, and this method multiplies with it")


def test_a_default_that_matters_is_named() -> None:
    own = own_of(current(), "score_gradient")
    network = nn.Linear(3, 3)
    assert own.caution(make("score_gradient", network=network, data=X, sigma=0.5)) == ""
    usual = make("score_gradient", network=network, data=X)
    assert usual.level == pytest.approx(0.1 * float(X.std()))
    assert own.caution(usual).startswith(f"Mind: no sigma was given, so σ = {usual.level:.3g}")


@pytest.mark.parametrize(
    ("energy", "normalisable"),
    [
        (lambda x: 0.5 * x.square().sum(-1), True),
        (lambda x: x.abs().sum(-1), True),
        (lambda x: x.pow(4).sum(-1).exp(), True),  # overflows to ∞, which is a density of 0
        (lambda x: 2.5 * (1 + x.square().sum(-1)).log(), True),  # r^−5 in three dimensions: Student's with ν = 2
        (lambda x: 1.0 * (1 + x.square().sum(-1)).log(), False),  # r^−2
        (lambda x: x.tanh().sum(-1), False),
        (lambda x: x[..., 0], False),
    ],
)
def test_a_density_without_a_normaliser_is_warned_of(energy: Any, normalisable: bool) -> None:
    own = own_of(current(), "sampling")
    said = own.caution(make("sampling", energy=energy, dim=3))
    assert (said == "") == normalisable
    if not normalisable:
        assert "the energy grows too slowly far out" in said
        assert "\n" not in said


def test_a_users_error_in_python_is_the_callers_line_and_the_message() -> None:
    def field(x: Tensor) -> Tensor:
        raise ValueError("no")

    with pytest.raises(estibench.UserError) as found:
        estibench.assess("divergence", field=field, points=X)
    error = found.value
    assert error.__cause__ is None
    assert error.__suppress_context__
    frames = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
    assert frames == ["test_a_users_error_in_python_is_the_callers_line_and_the_message", "called"]
    assert error._render_traceback_() == ["UserError: field: raises ValueError on (4, 3): no"]
