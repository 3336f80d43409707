"""Metrics against their definitions and against closed forms."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.stats import wasserstein_distance
from torch.func import grad, jacrev

from estibench.contracts import sample_reference as judge
from estibench_sampling import metrics

M = 3


def _normal(n, seed, dim=M):
    return torch.randn(n, dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_sliced_wasserstein_is_the_mean_over_slices_of_scipys():
    x, y = _normal(20, 0), 1.5 * _normal(60, 1) + 0.3
    along = judge.directions(7, M, torch.Generator().manual_seed(2))
    torch.testing.assert_close(along.norm(dim=1), torch.ones(7, dtype=torch.float64))
    expected = sum(wasserstein_distance(x @ v, y @ v) for v in along) / 7
    found = judge.sliced_wasserstein(judge.sorted_projections(x, along), judge.sorted_projections(y, along))
    assert float(found) == pytest.approx(expected, rel=1e-12)


def test_sliced_wasserstein_of_a_shift():
    """Mean over the sphere of |⟨θ, δ⟩| = ‖δ‖ Γ(m/2)/(√π Γ((m+1)/2)), ½‖δ‖ for m = 3."""
    x, along = _normal(100, 0), judge.directions(20_000, M, torch.Generator().manual_seed(2))
    shift = torch.tensor([1.0, -2.0, 2.0], dtype=torch.float64)
    projected = [judge.sorted_projections(points, along) for points in (x, x + shift)]
    assert float(judge.sliced_wasserstein(*projected)) == pytest.approx(1.5, rel=0.02)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_projections_are_sorted_by_whoever_is_fastest(dtype):
    """The values are those of torch's own sort, not-a-number last; a graph is kept where there is one."""
    x, along = _normal(50, 0).to(dtype), judge.directions(7, M, torch.Generator().manual_seed(2)).to(dtype)
    x[3] = math.nan
    found, expected = judge.sorted_projections(x, along), (along @ x.T).sort(dim=1).values
    torch.testing.assert_close(found, expected, rtol=0, atol=0, equal_nan=True)
    assert judge.sorted_projections(x.requires_grad_(), along).requires_grad


def test_distances_of_pairs_are_their_definitions():
    x, y, h = _normal(700, 0), _normal(40, 1) + 1.0, 0.8  # more rows than one block
    d = (x[:, None] - y[None]).norm(dim=-1)
    distance, kernel = judge.mean_distances(x, y, h)
    torch.testing.assert_close(distance, d.mean())
    torch.testing.assert_close(kernel, (-d.square() / (2 * h**2)).exp().mean())
    means = [judge.mean_distances(a, b, h) for a, b in ((x, y), (x, x), (y, y))]
    energy = judge.energy_distance(*(mean[0] for mean in means))
    same = judge.energy_distance(*(judge.mean_distances(x, x, h)[0] for _ in range(3)))
    assert same < 1e-6 < energy


def test_mmd_of_two_normal_laws():
    """E k(x, y) = (h²/(h² + 2))^{m/2} e^{−‖δ‖²/2(h² + 2)} for unit normals δ apart: within 5 % at 4 000 points."""
    h, shift = 1.5, 1.0
    x, y = _normal(4000, 0), _normal(4000, 1) + torch.tensor([shift, 0.0, 0.0], dtype=torch.float64)
    overlap = (h**2 / (h**2 + 2)) ** (M / 2)
    expected = math.sqrt(2 * overlap * (1 - math.exp(-(shift**2) / (2 * (h**2 + 2)))))
    found = judge.mmd(*(judge.mean_distances(a, b, h)[1] for a, b in ((x, y), (x, x), (y, y))))
    assert float(found) == pytest.approx(expected, rel=0.05)


def test_energy_distance_of_two_points():
    """Point masses d apart: √(2d)."""
    x, y = torch.zeros(1, 2, dtype=torch.float64), torch.tensor([[3.0, 4.0]], dtype=torch.float64)
    means = [judge.mean_distances(a, b, 1.0)[0] for a, b in ((x, y), (x, x), (y, y))]
    assert float(judge.energy_distance(*means)) == pytest.approx(math.sqrt(10))


def test_stein_discrepancy_is_its_definition_by_autograd():
    x, c = _normal(6, 0), 1.3

    def score(z):
        return -z * torch.tensor([1.0, 0.5, 2.0], dtype=torch.float64)

    def k(a, b):
        return ((a - b).square().sum() + c**2) ** -0.5

    def stein(a, b):
        cross = jacrev(grad(k, 1), 0)(a, b).trace()
        return score(a) @ score(b) * k(a, b) + score(a) @ grad(k, 1)(a, b) + score(b) @ grad(k, 0)(a, b) + cross

    expected = torch.stack([stein(a, b) for a in x for b in x]).mean().sqrt()
    torch.testing.assert_close(metrics.kernel_stein_discrepancy(x, score(x), c), expected)


def test_stein_discrepancy_tells_the_target_from_others_and_not_weights_of_far_modes(build):
    """For samples of the target it falls as n^−½; for a wrong scale it does not. Wrong weights of far modes fool it."""
    density = build("density", "gaussian_mixture", spread=10.0)

    def found(x):
        return float(metrics.kernel_stein_discrepancy(x, density.score(x), 1.0))

    generator = torch.Generator().manual_seed(0)
    few, many = (found(density.sample(n, generator)) for n in (100, 1600))
    assert many < 0.4 * few
    centre = torch.tensor([10.0, 0.0], dtype=torch.float64)
    one_mode = centre + 0.5 * _normal(1600, 1, 2)
    assert found(one_mode) < 2 * many
    assert found(centre + 1.0 * _normal(1600, 1, 2)) > 5 * many


def test_shares_of_modes():
    modes = torch.tensor([[0.0, 0.0], [4.0, 0.0], [0.0, 9.0]], dtype=torch.float64)
    x = torch.tensor([[0.1, 0.0], [3.0, 1.0], [5.0, 0.0], [1.9, 0.0]], dtype=torch.float64)
    assert judge.mode_shares(x, modes).tolist() == [0.5, 0.5, 0.0]


@pytest.mark.parametrize("rho", [0.0, 0.8, -0.5])
def test_effective_sample_size_of_an_autoregression(rho):
    """r C/[1 + 2 Σ_k (1 − k/r) ρ^k], within 4 standard errors √(2/C) of 4 000 chains; n(1 − ρ)/(1 + ρ) as r → ∞."""
    r, chains = 50, 4000
    noise = torch.randn(r, chains, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x = [noise[0]]
    for k in range(1, r):
        x.append(rho * x[-1] + math.sqrt(1 - rho**2) * noise[k])
    expected = r * chains / (1 + 2 * sum((1 - k / r) * rho**k for k in range(1, r)))
    found = float(metrics.effective_sample_size(torch.stack(x)))
    assert found == pytest.approx(expected, rel=4 * math.sqrt(2 / chains))


def test_chains_that_never_leave_their_mode_are_worth_one_sample_each():
    modes = torch.where(torch.arange(1000) % 2 == 0, -10.0, 10.0).double()[None, :, None]
    noise = torch.randn(40, 1000, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert float(metrics.effective_sample_size(modes + noise)) == pytest.approx(1000, rel=0.02)
