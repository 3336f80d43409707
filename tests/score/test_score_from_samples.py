"""Scores from samples: each estimator against its definition written with loops and autograd, and against the truth."""

from __future__ import annotations

import pytest
import torch
from torch.func import grad, vmap

from estibench import Unsupported

DIM, N, Q = 2, 30, 5


def _data():
    generator = torch.Generator().manual_seed(0)
    samples = torch.randn(N, DIM, generator=generator, dtype=torch.float64)
    return samples, torch.randn(Q, DIM, generator=generator, dtype=torch.float64)


def _kernel(x, y, h):
    return (-(x - y).square().sum(-1) / (2 * h**2)).exp()


def _median(samples):
    i, j = torch.triu_indices(N, N, 1)
    return (samples[i] - samples[j]).norm(dim=-1).median()


def test_kernel_density_score_is_the_gradient_of_the_estimate(build):
    samples, points = _data()
    h = 0.7 * samples.std(0)

    def log_p(x):
        return torch.logsumexp(-0.5 * ((x - samples) / h).square().sum(-1), 0)

    found = build("estimator", "kernel_density_score", bandwidth=0.7).scores(samples, points)
    torch.testing.assert_close(found, vmap(grad(log_p))(points))


def test_stein_score_solves_the_enlarged_system(build):
    samples, points = _data()
    h, ridge = 1.3 * _median(samples), 0.2
    found = build("estimator", "stein_score", ridge=ridge, bandwidth=1.3).scores(samples, points)
    for point, score in zip(points, found, strict=True):
        x = torch.cat([samples, point[None]])
        K = torch.stack([_kernel(a, x, h) for a in x])
        slopes = torch.stack([vmap(grad(lambda b, a=a: _kernel(a, b, h)))(x).sum(0) for a in x])
        G = -torch.linalg.solve(K + ridge * torch.eye(N + 1, dtype=torch.float64), slopes)
        torch.testing.assert_close(score, G[-1])


def test_ssge_is_its_expansion(build):
    samples, points = _data()
    h = _median(samples)
    eigenvalues, U = torch.linalg.eigh(torch.stack([_kernel(a, samples, h) for a in samples]))
    expected = torch.zeros(Q, DIM, dtype=torch.float64)
    for value, u in list(zip(eigenvalues, U.T, strict=True))[-4:]:

        def psi(x, value=value, u=u):
            return N**0.5 / value * (u * _kernel(x, samples, h)).sum()

        beta = -vmap(grad(psi))(samples).mean(0)
        expected += vmap(psi)(points)[:, None] * beta
    found = build("estimator", "ssge", eigenfunctions=4).scores(samples, points)
    torch.testing.assert_close(found, expected)
    with pytest.raises(Unsupported, match="no 40 eigenfunctions"):
        build("estimator", "ssge", eigenfunctions=40).scores(samples, points)


@pytest.mark.parametrize("name", ["kernel_density_score", "stein_score", "ssge"])
def test_more_samples_come_closer_to_the_truth(build, draw, name):
    errors = []
    for n in (25, 100):
        problem = build("problem", "score_from_samples", density={"name": "gaussian"}, samples=n, at_points=16)
        values = draw(build("estimator", name), problem, 40)
        errors.append((values - problem.truth.flatten()).square().sum(1).mean().sqrt() / problem.truth.norm())
    assert errors[1] < errors[0]
    assert errors[1] < 0.9


@pytest.mark.parametrize("name", ["kernel_density_score", "stein_score", "ssge"])
def test_one_call_is_a_draw(build, draw, name):
    problem = build("problem", "score_from_samples", density={"name": "gaussian_mixture"}, samples=40)
    estimator = build("estimator", name)
    one = estimator.estimate(problem, torch.Generator().manual_seed(3))
    many = estimator.draws(problem, 1, torch.Generator().manual_seed(3))
    torch.testing.assert_close(one, many[0])
    assert one.shape == problem.truth.shape
    assert draw(estimator, problem.at("cpu", "float32"), 4).isfinite().all()
