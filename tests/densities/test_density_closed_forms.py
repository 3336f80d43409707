"""Score and Laplacian against automatic differentiation of log_prob, at samples and far from the modes."""

from __future__ import annotations

import pytest
import torch
from torch.func import grad, hessian, jacrev, jvp, vjp, vmap


@pytest.fixture(scope="module")
def gradients(density, points):
    """∇ log p by automatic differentiation: (8, dim)."""
    return vmap(grad(density.log_prob))(points)


@pytest.fixture(scope="module")
def hessians(density, points):
    """∇² log p by automatic differentiation: (8, dim, dim)."""
    return vmap(hessian(density.log_prob))(points)


@pytest.fixture(scope="module")
def size(gradients, hessians):
    """‖∇² log p‖ + ‖s‖², the size of the terms that second derivatives add up: (8,)."""
    return torch.linalg.matrix_norm(hessians) + gradients.square().sum(-1)


def _assert_close(found, expected, size):
    assert found.shape == expected.shape
    assert ((found - expected).abs() <= 1e-10 * (1 + size)).all(), (found, expected)


def test_the_score_is_the_gradient_of_log_prob(density, points, gradients):
    _assert_close(density.score(points), gradients, gradients.norm(dim=-1, keepdim=True))


def test_the_laplacian_is_the_trace_of_the_hessian_of_log_prob(density, points, hessians, size):
    _assert_close(density.laplacian(points), torch.einsum("nii->n", hessians), size)


def test_the_jacobian_of_the_score_is_the_hessian_and_symmetric(density, points, hessians, size):
    jacobians = vmap(jacrev(density.score))(points)
    _assert_close(jacobians, hessians, size[:, None, None])
    _assert_close(jacobians, jacobians.mT, size[:, None, None])


def test_vjp_and_jvp_of_the_score_agree(density, points, size):
    v = torch.randn(points.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    _, pull = vjp(density.score, points)
    _, pushed = jvp(density.score, (points,), (v,))
    _assert_close(pull(v)[0], pushed, size[:, None] * v.norm(dim=-1, keepdim=True))
