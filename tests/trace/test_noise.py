"""Probes: second moments, lengths and the bits behind the signs."""

import pytest
import torch

from estibench_trace.noise import draw_probes, rademacher


def probes(noise, k=4, batch=2, dim=8, seed=0, dtype=torch.float64):
    return draw_probes(noise, k, batch, dim, torch.Generator().manual_seed(seed), dtype)


@pytest.mark.parametrize("noise", ["rademacher", "gaussian", "sphere", "orthogonal"])
def test_second_moment_is_the_identity(noise):
    """Worst of 64 entries at 6 standard errors: false-failure rate below 2e-7."""
    v = torch.cat([probes(noise, seed=seed).reshape(-1, 8) for seed in range(2000)])
    moment = v.T @ v / len(v)
    # Probes of one orthogonal frame are dependent; that only lowers the variance of the moment.
    error = (v[:, :, None] * v[:, None, :]).std(0) / len(v) ** 0.5
    assert ((moment - torch.eye(8)).abs() <= 6 * error + 1e-12).all()


def test_rademacher_signs_are_balanced_and_independent_across_positions():
    """A sign is a bit of a random word: mean and neighbour products at 5 standard errors, rate below 1e-4."""
    v = rademacher(1, 1, 64 * 4000, torch.Generator().manual_seed(0), torch.float64).reshape(4000, 64)
    assert set(v.unique().tolist()) == {-1.0, 1.0}
    assert v.mean(0).abs().max() < 5 / 4000**0.5
    assert (v[:, 1:] * v[:, :-1]).mean(0).abs().max() < 5 / 4000**0.5
    assert (v[1:] * v[:-1]).mean(0).abs().max() < 5 / 3999**0.5


def test_sphere_and_orthogonal_have_length_root_m():
    for noise in ("sphere", "orthogonal"):
        torch.testing.assert_close(probes(noise).square().sum(-1), torch.full((4, 2), 8.0, dtype=torch.float64))


def test_orthogonal_frames_are_orthogonal_and_not_the_axes():
    v = probes("orthogonal")
    gram = torch.einsum("kbi,lbi->bkl", v, v)
    torch.testing.assert_close(gram, 8 * torch.eye(4, dtype=torch.float64).expand(2, 4, 4))
    assert (v.abs() > 1e-3).float().mean() > 0.9


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 2, 5), (7, 1, 64), (1, 3, 65)])
def test_any_shape(shape):
    assert probes("rademacher", *shape).shape == shape


def test_draws_under_vmap_differ():
    generator = torch.Generator().manual_seed(0)

    def draw(_):
        return draw_probes("rademacher", 2, 1, 32, generator, torch.float32)

    v = torch.func.vmap(draw, randomness="different")(torch.arange(50))
    assert len({tuple(row.flatten().tolist()) for row in v}) == 50
