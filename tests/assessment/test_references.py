"""References where the exact truth does not fit: their standard errors are declared, and hold, for every task.

Each reference is a mean over independent samples, so its error over the declared one is about standard normal in one
component, and smaller by chance in several: above 5 with a probability below 10⁻⁶. Seeds are fixed.
"""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import estibench
from estibench.host import current
from estibench.host.components import checked_objects, own_of

PLENTY = 1e30
DOUBT = 5.0


def both(task: str, most: float = 1.0, memory: float = PLENTY, **objects: Any) -> tuple[Any, Any]:
    """The problem with its exact truth, and with one that may take almost nothing."""
    own = own_of(current(), task)
    exact = own.make(**checked_objects(own.make, objects, task))
    assert own.within(exact, PLENTY, PLENTY) == exact, "what fits is exact"
    return exact, own.within(exact, most, memory)


def agree(exact: Any, rough: Any) -> None:
    assert exact.truth_error == 0
    assert rough.truth_error > 0
    off = float((rough.truth - exact.truth).norm())
    assert off < DOUBT * rough.truth_error
    assert rough.truth_error < 0.5 * float(exact.truth.norm()), "a reference says something"
    assert rough.truth_source != exact.truth_source
    assert "error" in rough.truth_source


def points(n: int, *shape: int) -> Tensor:
    return torch.randn(n, *shape, generator=torch.Generator().manual_seed(0))


def network(inner: int, outer: int, scale: float = 1.0) -> nn.Sequential:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(inner, 16), nn.Tanh(), nn.Linear(16, outer))
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.mul_(scale)
    return net


class Product:
    """A matrix known by its products alone."""

    def __init__(self, A: Tensor) -> None:
        self._A, self.shape, self.dtype = A, A.shape, A.dtype

    def __matmul__(self, V: Tensor) -> Tensor:
        return self._A @ V

    @property
    def T(self) -> Product:
        return Product(self._A.T)


def matrix(m: int = 100) -> Tensor:
    A = torch.randn(m, m, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return A @ A.T / m


def test_a_trace_by_deflated_probes() -> None:
    A = matrix()
    exact, rough = both("trace", matrix=Product(A))
    agree(exact, rough)
    assert rough.sums is None
    assert rough.magnitude == pytest.approx(exact.magnitude, rel=0.2)
    assert float(exact.truth) == pytest.approx(float(A.trace()))
    # Given Q, a probe's variance is 2(‖S‖² − Σ s_ii²) of what deflation leaves: less than that of A itself.
    alone = math.sqrt(2 * float(A.square().sum() - A.diagonal().square().sum()) / rough.reference)
    assert 0.1 * alone < rough.truth_error < alone


def test_a_trace_without_the_memory_for_the_matrix() -> None:
    exact, rough = both("trace", most=PLENTY, memory=1000.0, matrix=Product(matrix()))
    assert rough.reference == 2**14
    assert abs(float(rough.truth - exact.truth)) < DOUBT * rough.truth_error


def test_a_log_density_by_probes() -> None:
    exact, rough = both("log_density", field=network(6, 6), points=points(4, 6))
    agree(exact, rough)
    assert (exact.splits_errors, rough.splits_errors) == (True, False)


def test_a_log_density_whose_probes_have_a_known_variance() -> None:
    """z' = Wz with symmetric W: vᵀWv has the variance 2 Σ_{i≠j} w_ij² at every time and point, so T² times that."""
    W = torch.tensor([[0.1, 0.3, 0.0], [0.3, -0.2, 0.1], [0.0, 0.1, 0.2]])
    _, rough = both("log_density", field=lambda z: z @ W, points=points(5, 3), time=1.5)
    one = 1.5**2 * 2 * float(W.square().sum() - W.diagonal().square().sum())
    expected = math.sqrt(5 * one / rough.reference)  # five points
    assert rough.truth_error == pytest.approx(expected, rel=0.35)


def test_a_gradient_of_an_ode_at_a_looser_tolerance() -> None:
    field = network(6, 6, 2.0)
    exact, rough = both("ode_gradient", field=field, start=points(4, 6), loss=lambda z: z.square().mean(), time=5.0)
    assert rough.tolerance == 1e-6
    off = float((rough.truth - exact.truth).norm())
    assert 0 < off < rough.truth_error < 1e-2 * float(exact.truth.norm())
    assert rough.errors(rough.truth, None) == {}


def test_a_gradient_of_an_ode_by_the_adjoint_where_steps_do_not_fit_into_the_memory() -> None:
    exact, rough = both(
        "ode_gradient", PLENTY, 1000.0, field=network(6, 6), start=points(4, 6), loss=lambda z: z.square().mean()
    )
    assert not rough.keeps_steps
    assert float((rough.truth - exact.truth).norm()) <= rough.truth_error
    assert "the adjoint" in rough.truth_source


def test_a_log_determinant_by_lanczos() -> None:
    exact, rough = both("log_det", 3e9, residual=network(120, 120, 2.0), points=points(3, 120), memory=1e5)
    agree(exact, rough)


def test_lanczos_is_exact_once_it_has_every_direction() -> None:
    from estibench_flow.lanczos import log_forms, products_of_block

    W = 0.2 * torch.randn(5, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    B = torch.eye(5, dtype=torch.float64) + W.T  # x + xW has the Jacobian I + Wᵀ
    v = torch.randn(7, 5, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    product = products_of_block(lambda x: x @ W, torch.zeros(7, 5, dtype=torch.float64))
    assert torch.allclose(product(v), v @ (B.T @ B), atol=1e-12)
    values, vectors = torch.linalg.eigh(B.T @ B)
    expected = 0.5 * ((v @ vectors).square() * values.log()).sum(1)
    for steps in (5, 9):  # beyond the fifth there is nothing left
        whole, _ = log_forms(product, v, steps)
        assert torch.allclose(whole, expected, rtol=1e-9)


def objective(z: Tensor) -> Tensor:
    """Products of neighbours, which no single variable decides."""
    a = torch.linspace(-1.0, 2.0, z.shape[-1], dtype=z.dtype)
    values = z @ a
    return (values[..., 1:] * values[..., :-1]).sum(-1) + values.sum(-1).square()


def test_a_discrete_gradient_by_local_expectations() -> None:
    logits = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    exact, rough = both("discrete_gradient", logits=logits, objective=objective)
    agree(exact, rough)
    assert (exact.summed, rough.summed) == (True, False)
    assert rough.magnitude == pytest.approx(exact.magnitude, rel=0.3)


def test_a_separable_objective_leaves_local_expectations_no_noise() -> None:
    """f(z) = Σ_l a_lᵀz_l: the derivative p(a − pᵀa) of each variable does not depend on the others."""
    logits = torch.randn(40, 10, generator=torch.Generator().manual_seed(0), dtype=torch.float64)  # 10^40 states
    a = torch.randn(40, 10, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    own = own_of(current(), "discrete_gradient")
    problem = own.within(own.make(logits=logits, objective=lambda z: (z * a).sum((-2, -1))), 1.0, PLENTY)
    p = logits.softmax(-1)
    assert torch.allclose(problem.truth[0], p * (a - (p * a).sum(-1, keepdim=True)), atol=1e-12)
    assert problem.truth_error < 1e-12
    assert "enumeration" not in own.ladder(problem)


def test_many_states_are_assessed(tmp_path: Any) -> None:
    """What is unbiased is not refuted, and what is biased is, though the truth is a reference."""
    found = estibench.assess(
        "discrete_gradient",
        logits=torch.randn(12, 4, generator=torch.Generator().manual_seed(0)),
        objective=objective,
        seconds=3600,
        estimators=["reinforce(baseline=leave_one_out, samples=8)", "straight_through"],
        directory=tmp_path / "run",
    )
    frame = found.frame.set_index("estimator_name")
    assert set(frame["status"]) == {"ok"}
    assert (frame["truth_error"] > 0).all()
    assert frame.loc["reinforce", "claims_refuted"] == 0
    assert frame.loc["straight_through", "relative_bias_low"] > 0.05


def test_a_score_gradient_by_fewer_samples() -> None:
    """It is a reference always; its standard error says how many samples there were."""
    own = own_of(current(), "score_gradient")
    full = own.make(network=network(3, 3), data=points(20, 3), sigma=0.5)
    assert own.within(full, PLENTY, PLENTY) == full
    few = own.within(full, 1.0, PLENTY)
    assert (full.reference, few.reference) == (2**16, 2**10)
    assert own.within(full, PLENTY, 1000.0).reference == 2**10
    assert few.truth_error == pytest.approx(8 * full.truth_error, rel=0.3)
    assert float((few.truth - full.truth).norm()) < DOUBT * few.truth_error


@pytest.mark.parametrize("batch", [None, 3])
def test_local_expectations_of_a_batch(batch: int | None) -> None:
    shape = (4, 3) if batch is None else (batch, 4, 3)
    logits = torch.randn(*shape, generator=torch.Generator().manual_seed(0))
    agree(*both("discrete_gradient", 1e8, 1.0, logits=logits, objective=objective))
