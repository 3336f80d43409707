"""Bridges to libraries of score matching: the same noise gives the same loss, in the harness's normalisation.

Each library's loss, at a fixed seed, is compared with the formula on the noise that it draws; a wrong sign, a factor of
σ² or m, or a mean over coordinates is another number.
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from estibench_peers.images import as_images, flattened
from estibench_peers.seeds import torch_seeded
from estibench_peers.torchebm import _Energy

SIGMA, DIM = 0.2, 9
W = torch.randn(DIM, DIM, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
X = torch.randn(7, DIM, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
DENOISING = [
    ("azula_denoising", "azula", {"sigma": SIGMA, "denoiser": "simple"}),
    ("azula_denoising", "azula", {"sigma": SIGMA, "denoiser": "karras"}),
    ("azula_denoising", "azula", {"sigma": SIGMA, "images": True}),
    ("sbi_denoising", "sbi", {"sigma": SIGMA, "control_variate": False}),
    ("score_models_denoising", "score_models", {"sigma": SIGMA}),
    ("score_models_denoising", "score_models", {"sigma": SIGMA, "images": True}),
    ("torchebm_denoising", "torchebm", {"noise_scale": SIGMA}),
    ("torchebm_denoising", "torchebm", {"noise_scale": SIGMA, "images": True}),
]


def score(x: Tensor) -> Tensor:
    """A field that is no gradient: which index is differentiated matters."""
    return torch.tanh(x @ W) - 0.3 * x


def divergence(x: Tensor) -> Tensor:
    """tr ∇s in closed form: Σ_i W_ii (1 − tanh²) − 0.3 m."""
    return ((1 - torch.tanh(x @ W).square()) * W.diagonal()).sum(-1) - 0.3 * DIM


def loss(build, name: str, **parameters) -> Tensor:
    estimator = build("estimator", name, **parameters)
    torch.manual_seed(5)
    return estimator.objective(score, X)


@pytest.mark.parametrize(("name", "module", "parameters"), DENOISING)
def test_denoising_is_half_the_squared_residual(build, name, module, parameters):
    pytest.importorskip(module, reason=f"no module {module}: make peers")
    found = loss(build, name, **parameters)
    torch.manual_seed(5)
    noise = torch.randn(X.shape, dtype=X.dtype)
    expected = 0.5 * (score(X + SIGMA * noise) + noise / SIGMA).square().sum(-1).mean()
    torch.testing.assert_close(found, expected)


def test_sbis_control_variate_is_what_it_says(build):
    """m/σ² − 2 εᵀs(x)/σ − ‖ε‖²/σ², halved: of mean zero."""
    pytest.importorskip("sbi", reason="no module sbi: make peers")
    found = loss(build, "sbi_denoising", sigma=SIGMA) - loss(build, "sbi_denoising", sigma=SIGMA, control_variate=False)
    torch.manual_seed(5)
    noise = torch.randn(X.shape, dtype=X.dtype)
    linear, square = (noise * score(X)).sum(-1) / SIGMA, noise.square().sum(-1) / SIGMA**2
    torch.testing.assert_close(found, (0.5 * (DIM / SIGMA**2 - square) - linear).mean())


def test_torchebms_exact_loss_is_hyvarinens(build):
    pytest.importorskip("torchebm", reason="no module torchebm: make peers")
    expected = (divergence(X) + 0.5 * score(X).square().sum(-1)).mean()
    torch.testing.assert_close(loss(build, "torchebm_score_matching"), expected)


def test_sliced_losses_are_of_their_slices(build):
    pytest.importorskip("score_models", reason="no module score_models: make peers")
    found = loss(build, "score_models_sliced")
    torch.manual_seed(5)
    v = torch.randn(X.shape, dtype=X.dtype).sign()
    product = torch.func.jvp(score, (X,), (v,))[1]
    expected = ((v * product).sum(-1) + 0.5 * score(X).square().sum(-1)).mean()
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(loss(build, "score_models_sliced", images=True), expected)


def test_an_energy_is_minus_the_scores_integral_in_all_that_is_differentiated():
    """First derivative −s, second −∇s, and both differentiable in what s depends on."""
    theta = torch.ones((), dtype=torch.float64, requires_grad=True)
    x = X.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(_Energy.apply(x, lambda y: theta * score(y)).sum(), x, create_graph=True)
    torch.testing.assert_close(gradient, -score(X))
    v = torch.randn_like(X)
    (product,) = torch.autograd.grad(gradient, x, v, create_graph=True)
    torch.testing.assert_close(product, -torch.func.vjp(score, X)[1](v)[0])
    (in_theta,) = torch.autograd.grad((product * v).sum(), theta)
    torch.testing.assert_close(in_theta, (product * v).sum())  # linear in θ, at θ = 1


def test_images_are_points_in_their_order():
    images = as_images(X)
    assert images.shape == (7, 1, 3, 3)
    torch.testing.assert_close(flattened(images, images), X)
    with pytest.raises(ValueError, match=r"trained for \(1, 3, 3\), and is called with \(9,\)"):
        flattened(X, images)


def test_seeding_torch_leaves_no_trace():
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    with torch_seeded(torch.Generator().manual_seed(0)):
        first = torch.rand(2)
    torch.testing.assert_close(torch.rand(2), expected)
    with torch_seeded(torch.Generator().manual_seed(0)):
        torch.testing.assert_close(torch.rand(2), first)
