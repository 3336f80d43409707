"""Score and Laplacian against automatic differentiation of log_prob, at samples and far from the modes."""

from __future__ import annotations

import torch
from torch.func import grad, hessian, jacrev, jvp, vjp, vmap


def _assert_close(found, expected, size):
    """Within 1e-10 of `size`, the size of the terms that were added up."""
    assert found.shape == expected.shape
    assert ((found - expected).abs() <= 1e-10 * (1 + size)).all(), (found, expected)


def _sizes(density, points):
    """Per point: ‖s‖ (8, 1) and ‖∇²log p‖ + ‖s‖² (8,)."""
    score = vmap(grad(density.log_prob))(points).norm(dim=-1)
    curvature = torch.linalg.matrix_norm(vmap(hessian(density.log_prob))(points))
    return score[:, None], curvature + score.square()


def test_the_score_is_the_gradient_of_log_prob(density, points):
    size, _ = _sizes(density, points)
    _assert_close(density.score(points), vmap(grad(density.log_prob))(points), size)


def test_the_laplacian_is_the_trace_of_the_hessian_of_log_prob(density, points):
    _, size = _sizes(density, points)
    traces = torch.einsum("nii->n", vmap(hessian(density.log_prob))(points))
    _assert_close(density.laplacian(points), traces, size)


def test_the_jacobian_of_the_score_is_symmetric_with_the_laplacian_as_its_trace(density, points):
    _, size = _sizes(density, points)
    jacobians = vmap(jacrev(density.score))(points)
    _assert_close(jacobians, jacobians.mT, size[:, None, None])
    _assert_close(torch.einsum("nii->n", jacobians), density.laplacian(points), size)


def test_vjp_and_jvp_of_the_score_agree(density, points):
    _, size = _sizes(density, points)
    v = torch.randn(points.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    _, pull = vjp(density.score, points)
    _, pushed = jvp(density.score, (points,), (v,))
    _assert_close(pull(v)[0], pushed, size[:, None] * v.norm(dim=-1, keepdim=True))
