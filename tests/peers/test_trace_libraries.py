"""Bridges to libraries of traces and log-determinants: signs, sides, factors and counts.

Matrices are not symmetric and blocks differ from point to point, so that a side or a point that is mixed up is another
number.
"""

from __future__ import annotations

import pytest
import torch

from estibench import Unsupported, counting
from estibench.testing import assert_unbiased
from estibench_peers.pyhessian import _QuadraticForm
from estibench_peers.square import dense, require_symmetric, residual_matrices, square

TRACES = [
    ("curvlinops_hutchinson", "curvlinops", {}),
    ("curvlinops_hutchpp", "curvlinops", {}),
    ("curvlinops_xtrace", "curvlinops", {}),
    ("cola_hutch", "cola", {"max_iters": 1}),
    ("hessian_eigenthings_trace", "hessian_eigenthings", {"num_matvecs": 12, "method": "hutchinson"}),
    ("hessian_eigenthings_trace", "hessian_eigenthings", {"num_matvecs": 12, "method": "hutch++"}),
    ("pyhessian_trace", "pyhessian", {"maxIter": 10}),
    ("skerch_hutch", "skerch", {}),
    ("skerch_hutch", "skerch", {"noise_type": "gaussian"}),
    ("skerch_xhutchpp", "skerch", {}),
]


@pytest.fixture
def problem(build):
    """Triangular, 24 × 24, ones on its diagonal: vᵀA and A v are far from each other."""
    return build("problem", "structured_matrix", structure="triangular", dim=24).at("cpu", "float64")


def normal(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(len(shape)), dtype=torch.float64)


def test_a_square_multiplies_from_both_sides_and_counts(problem):
    A, M = square(problem), problem.matrix
    V, w = normal(24, 3), normal(24)
    with counting() as spent:
        torch.testing.assert_close(A @ V, M @ V)
        torch.testing.assert_close(V.T @ A, V.T @ M)
        torch.testing.assert_close(A @ w, M @ w)
        torch.testing.assert_close(w @ A, w @ M)
    assert spent["matvec"] == 3 + 3 + 1 + 1
    torch.testing.assert_close(dense(problem), M)


def test_a_batch_and_half_precision_are_refused(build, problem):
    with pytest.raises(Unsupported, match="takes one matrix, and here are 4"):
        square(build("problem", "field_jacobian", dim=3, batch=4).at("cpu", "float64"))
    with pytest.raises(Unsupported, match="not bfloat16"):
        square(problem.at("cpu", "bfloat16"))
    with pytest.raises(Unsupported, match="asks for a symmetric matrix"):
        require_symmetric(problem.matrix)


def test_residual_matrices_are_of_their_points(build):
    problem = build("problem", "residual_block", family="mlp", dim=5, batch=3).at("cpu", "float64")
    expected = torch.eye(5, dtype=torch.float64) + problem.jacobians
    torch.testing.assert_close(residual_matrices(problem), expected)


def test_pyhessians_loss_has_the_symmetric_part_as_its_hessian(problem):
    """By autograd's second derivatives through the two functions, against a matrix."""
    A, M = square(problem), problem.matrix
    w = normal(24).requires_grad_()
    loss = _QuadraticForm.apply(w, A)
    torch.testing.assert_close(loss, 0.5 * w @ M @ w)
    (gradient,) = torch.autograd.grad(loss, w, create_graph=True)
    torch.testing.assert_close(gradient, 0.5 * (M + M.T) @ w)
    v = normal(24)
    (product,) = torch.autograd.grad(gradient, w, v)
    torch.testing.assert_close(product, 0.5 * (M + M.T) @ v)


@pytest.mark.parametrize(("name", "module", "parameters"), TRACES)
def test_a_trace_is_that_of_the_matrix(build, problem, name, module, parameters):
    """False-failure rate 1e-6. The trace is 24; half of it, or its negative, is 20 standard errors away."""
    pytest.importorskip(module, reason=f"no module {module}: make peers")
    estimator = build("estimator", name, **parameters)
    assert_unbiased(lambda generator: estimator.estimate(problem, generator), problem.truth, draws=400, rate=1e-6)


@pytest.mark.parametrize("name", ["imate_trace", "backpack_diag_hessian", "backpack_diag_ggn_mc"])
def test_a_trace_of_a_positive_matrix(build, name):
    """False-failure rate 1e-6. imate with a fixed number of samples: where it stops by itself, as it documents, it is
    5 % low here."""
    module = name.partition("_")[0]
    pytest.importorskip(module, reason=f"no module {module}: make peers")
    problem = build("problem", "matrix", spectrum="poly", dim=24).at("cpu", "float64")
    fixed = {"min_num_samples": 20, "max_num_samples": 20} if name == "imate_trace" else {}
    estimator = build("estimator", name, **fixed)
    if name == "backpack_diag_hessian":
        torch.testing.assert_close(estimator.estimate(problem, torch.Generator()), problem.truth)
        return
    assert_unbiased(lambda generator: estimator.estimate(problem, generator), problem.truth, draws=400, rate=1e-6)


@pytest.mark.parametrize("family", ["symmetric", "mlp"])
@pytest.mark.parametrize(
    ("name", "module"),
    [("torch_logdet", "torch"), ("cola_logdet", "cola"), ("linear_operator_logdet", "linear_operator")],
)
def test_an_exact_log_determinant_is_of_its_point(build, name, module, family):
    pytest.importorskip(module, reason=f"no module {module}: make peers")
    problem = build("problem", "residual_block", family=family, dim=6, batch=3).at("cpu", "float64")
    estimator = build("estimator", name)
    if name == "linear_operator_logdet" and family == "mlp":
        with pytest.raises(Unsupported, match="symmetric"):
            estimator.estimate(problem, torch.Generator())
        return
    torch.testing.assert_close(estimator.estimate(problem, torch.Generator()), problem.truth)


@pytest.mark.parametrize("family", ["symmetric", "linear"])
def test_imates_log_determinant_of_a_gramian_is_halved(build, family):
    """With more Lanczos steps than dimensions only the probes are random. False-failure rate 1e-6."""
    pytest.importorskip("imate", reason="no module imate: make peers")
    problem = build("problem", "residual_block", family=family, lipschitz=0.9, dim=8, batch=2).at("cpu", "float64")
    estimator = build("estimator", "imate_logdet", min_num_samples=20, max_num_samples=20, lanczos_degree=8)
    assert_unbiased(lambda generator: estimator.estimate(problem, generator), problem.truth, draws=200, rate=1e-6)
