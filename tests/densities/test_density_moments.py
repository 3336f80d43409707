"""Means, covariances, moments of coordinates and modes, against samples, scores and Hessians."""

from __future__ import annotations

import pytest
import torch
from torch.func import hessian, vmap

MOMENTS = [
    ("banana", {"a": 1.0, "b": 0.5}),
    ("double_well", {"dim": 3}),
    ("exponential", {"dim": 3, "rate": 2.0}),
    ("funnel", {"dim": 4, "sigma": 0.5}),
    *(("gaussian", {"dim": 4, "covariance": covariance}) for covariance in ("diagonal", "full", "low_rank")),
    ("gaussian_mixture", {"dim": 2}),
    ("gaussian_mixture", {"dim": 3, "layout": "random", "smoothing": 0.5}),
    ("ica", {"dim": 3}),
    ("kernel_density", {"data": "wine", "dim": 13}),
    ("laplace", {"dim": 2, "b": 0.5}),
    ("linear_posterior", {"data": "diabetes", "dim": 10}),
    ("many_well", {"dim": 4}),
    ("quartic", {"dim": 3, "basis": "axes"}),
    ("quartic", {"dim": 3}),
    ("rings", {}),
    ("rosenbrock", {"dim": 3, "a": 1.0, "b": 2.0, "mu": 0.5}),
    ("student_t", {"dim": 3, "df": 12.0}),
]
UNKNOWN = [
    ("logistic_posterior", {"data": "wine", "dim": 13}),
    ("rosenbrock", {"dim": 3, "chain": 2}),
    ("student_t", {"df": 1.0}),
]


def _assert_mean(values, expected):
    """z-tests with threshold 5.5; false failures 4e-8 per number of normal mean."""
    error = values.std(0) / len(values) ** 0.5
    assert ((values.mean(0) - expected).abs() <= 5.5 * error + 1e-12).all()


@pytest.mark.parametrize(("name", "parameters"), MOMENTS)
def test_mean_covariance_and_moments_of_coordinates(classes, name, parameters):
    """About 250 z-tests: false failures below 1e-4 over all, skewness included. A factor of 1.05 fails."""
    density = classes[name](**parameters)
    x = density.sample(200_000, torch.Generator().manual_seed(41))
    _assert_mean(x, density.mean)
    y = x - density.mean
    _assert_mean((y[:, :, None] * y[:, None, :]).flatten(1), density.covariance_matrix.flatten())
    moments = density.coordinate_moments(4)
    if moments is not None:
        assert moments.shape == (5, density.dim)
        for k in range(5):
            _assert_mean(x**k, moments[k])


def test_moments_that_do_not_exist_are_none(classes):
    for name, parameters in UNKNOWN:
        assert classes[name](**parameters).covariance_matrix is None
    assert classes["student_t"](df=1.0).mean is None
    assert classes["student_t"](df=2.0).mean is not None


def test_modes_are_stationary_and_concave(density):
    """Every mode of every case; the exponential's is a corner and Laplace's a kink."""
    modes = density.modes
    if modes is None:
        assert type(density).__name__ == "Rings"
        return
    assert modes.shape == (len(modes), density.dim)
    if type(density).__name__ in ("Exponential", "Laplace"):
        return
    sample = density.sample(200, torch.Generator().manual_seed(42))
    size = density.score(sample).abs().median()
    assert density.score(modes).abs().max() <= 1e-6 * (1 + size)
    some = modes[:: max(1, len(modes) // 8)]
    assert (torch.linalg.eigvalsh(vmap(hessian(density.log_prob))(some)) <= 1e-9).all()


def test_the_mixture_has_as_many_modes_as_components_where_they_are_far_apart(classes):
    assert len(classes["gaussian_mixture"](layout="ring").modes) == 8
    assert len(classes["gaussian_mixture"](layout="grid").modes) == 25
    assert len(classes["gaussian_mixture"]().noised(6.0).modes) == 1


def test_numbers_of_modes(classes):
    assert len(classes["many_well"](dim=6).modes) == 8
    assert len(classes["quartic"](dim=3, a=-2.0).modes) == 8
    assert classes["quartic"](dim=30, a=-2.0).modes is None
    assert classes["many_well"](dim=30).modes is None
