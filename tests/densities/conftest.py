"""Every registered density at one or two dims, with each of its options."""

from __future__ import annotations

import pytest
import torch

from estibench_densities.hooks import bench_densities

CLASSES = {entry.name: entry.load() for entry in bench_densities()}

CASES = [
    ("banana", {}),
    ("double_well", {"dim": 1}),
    ("double_well", {"dim": 4, "a": 1.5, "h": 2.0}),
    ("exponential", {"dim": 3, "rate": 0.7}),
    ("funnel", {}),
    ("funnel", {"dim": 5, "sigma": 1.0}),
    *(
        ("gaussian", {"dim": dim, "covariance": covariance})
        for covariance in ("isotropic", "diagonal", "full", "low_rank", "ill_conditioned")
        for dim in (1, 6)
    ),
    ("gaussian", {"dim": 3, "covariance": "full", "scale": 0.3, "seed": 4}),
    ("gaussian", {"dim": 3, "covariance": "full", "smoothing": 0.7}),
    ("gaussian_mixture", {"dim": 1}),
    ("gaussian_mixture", {"layout": "random", "dim": 3, "smoothing": 0.7}),
    ("gaussian_mixture", {"dim": 5, "scale": 2.0}),
    ("gaussian_mixture", {"layout": "ring", "scale": 1.0}),
    ("gaussian_mixture", {"layout": "ring", "dim": 4}),
    ("gaussian_mixture", {"layout": "grid"}),
    ("gaussian_mixture", {"layout": "grid", "dim": 3, "spread": 2.0}),
    ("gaussian_mixture", {"layout": "random"}),
    ("gaussian_mixture", {"layout": "random", "dim": 6, "scale": 3.0, "seed": 2}),
    ("ica", {"dim": 1}),
    ("ica", {"dim": 7}),
    ("kernel_density", {"data": "wine", "dim": 13}),
    ("kernel_density", {"data": "digits", "dim": 64, "bandwidth": 0.3, "smoothing": 0.4}),
    ("laplace", {"dim": 3, "b": 0.7}),
    ("linear_posterior", {"data": "diabetes", "dim": 10}),
    ("linear_posterior", {"data": "wine", "dim": 13, "noise": 0.5, "prior_scale": 2.0}),
    ("linear_posterior", {"data": "breast_cancer", "dim": 30}),
    ("linear_posterior", {"data": "diabetes", "dim": 10, "smoothing": 0.1}),
    ("linear_posterior", {"data": "digits", "dim": 64}),
    ("logistic_posterior", {"data": "wine", "dim": 13, "prior_scale": 3.0}),
    ("logistic_posterior", {"data": "breast_cancer", "dim": 30}),
    ("logistic_posterior", {"data": "digits", "dim": 64}),
    ("many_well", {}),
    ("many_well", {"dim": 6}),
    ("phi4", {}),
    ("phi4", {"dim": 7, "coupling": 2.0, "depth": 3.0}),
    ("quartic", {"dim": 1}),
    ("quartic", {"dim": 5, "a": -3.0, "b": 0.5}),
    ("quartic", {"dim": 5, "basis": "axes"}),
    ("rings", {}),
    ("rings", {"rings": 2, "spacing": 0.5, "scale": 0.4}),
    ("rosenbrock", {}),
    ("rosenbrock", {"dim": 4, "a": 0.5}),
    ("rosenbrock", {"dim": 7, "chain": 3, "a": 0.5, "b": 2.0, "mu": 0.5}),
    ("student_t", {"dim": 1}),
    ("student_t", {"dim": 5, "df": 5.0}),
]


def _label(case):
    name, parameters = case
    return "-".join([name, *(str(value) for value in parameters.values())])


@pytest.fixture(scope="session")
def classes():
    return CLASSES


@pytest.fixture(scope="session")
def cases():
    return CASES


@pytest.fixture(scope="module", params=CASES, ids=_label)
def density(request):
    """One of the cases, in float64."""
    name, parameters = request.param
    return CLASSES[name](**parameters)


@pytest.fixture(scope="module")
def points(density):
    """Four samples and four points far from the modes: (8, dim), float64."""
    generator = torch.Generator().manual_seed(1)
    far = 6 * torch.randn(4, density.dim, generator=generator, dtype=torch.float64)
    if density.log_prob(far).isinf().any():  # outside of its support a density has no derivatives
        far = far.abs()
    return torch.cat([density.sample(4, generator), far])
