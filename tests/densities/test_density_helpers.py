"""Tables of one-dimensional densities, and random matrices."""

from __future__ import annotations

import math

import pytest
import torch

from estibench_densities.matrices import random_covariance, random_orthogonal
from estibench_densities.tabulated import tabulate


def test_a_table_of_the_normal_density():
    table = tabulate(lambda x: -0.5 * x.square() + 300, -12.0, 12.0)
    assert table.log_mass == pytest.approx(300 + 0.5 * math.log(2 * math.pi), abs=1e-12)
    torch.testing.assert_close(table.cumulative, torch.special.ndtr(table.nodes), rtol=0, atol=1e-8)


@pytest.mark.parametrize("shape", [(5,), (3, 2), (2, 0)])
def test_samples_from_a_table_have_the_shape_asked_for(shape):
    x = tabulate(lambda x: -x.square(), -7.0, 7.0).sample(shape, torch.Generator().manual_seed(0))
    assert x.shape == shape
    assert x.dtype == torch.float64


def test_random_orthogonal_matrices_are_orthogonal_and_centred():
    """An entry of a uniform Q has mean 0 and variance 1/3 in dim 3. QR alone shifts some of the means.

    z-tests of 9 means with threshold 5: false failures 9 · 5.7e-7.
    """
    generator = torch.Generator().manual_seed(3)
    Q = torch.stack([random_orthogonal(3, generator) for _ in range(2000)])
    torch.testing.assert_close(Q @ Q.mT, torch.eye(3, dtype=torch.float64).expand_as(Q))
    assert Q.mean(0).abs().max() < 5 / math.sqrt(3 * 2000)


def test_random_covariances_are_well_conditioned():
    eigenvalues = torch.linalg.eigvalsh(random_covariance(50, torch.Generator().manual_seed(0)))
    assert eigenvalues.min() >= 0.5
    assert eigenvalues.max() < 6
