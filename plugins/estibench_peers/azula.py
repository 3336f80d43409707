"""azula (Rozet): the training losses of its denoisers.

Bridge: a denoiser is μ(x_t) ≈ E[x | x_t]; with α = 1 Tweedie's formula makes the harness's score one, as μ = x_t + σ²
s(x_t). The backbone inverts the library's preconditioning, so that its denoiser is that μ. The schedule is
`VESchedule` with the same σ at both ends, so that the loss is about one level. The library's loss is the mean over
points and coordinates of (1/σ² + 1)(μ − x)²: with J = ½‖s + ε/σ‖², the harness's normalisation, (1/σ² + 1) 2σ⁴ J / m,
and it is divided by J's factor. Noise comes from torch's global generator, which is seeded for the time of a call.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from estibench import PositiveFloat
from estibench_peers.images import as_images, flattened
from estibench_peers.losses import UNBIASED_AT_SIGMA, LibraryLoss, Model
from estibench_peers.optional import library

INSTALL = ("azula", "einops")


@dataclass(frozen=True)
class AzulaDenoising(LibraryLoss):
    """`azula.denoise.SimpleDenoiser.loss` or `KarrasDenoiser.loss`.

    Documentation (KarrasDenoiser.loss, and SimpleDenoiser.loss alike): "Returns: The weighted loss (α_t² + σ_t²)/σ_t²
    ‖μ_φ(x_t) − x‖² where x_t ∼ p(X_t | x)". (module denoise): "it is enough to estimate the mean E[X | x_t]": denoising
    score matching, unbiased for the density noised by σ. `SimpleDenoiser.loss` clips the weight at its parameter
    `max_weight`, 10⁴: below σ = 0.01 it is smaller, which the normalisation here takes into account.

    Parameters:
        sigma: σ of the schedule; the harness's.
        denoiser: simple or karras.
        images: whether points of dim = side² are handed over as images, (batch, 1, side, side).
    """

    sigma: PositiveFloat = 0.1
    denoiser: Literal["simple", "karras"] = "karras"
    images: bool = False

    denoises: ClassVar[bool] = True
    claims = (UNBIASED_AT_SIGMA,)
    citation = "azula, Rozet; Karras, Aittala, Aila and Laine 2022, Elucidating the design space."

    def objective(self, model: Model, x: Tensor) -> Tensor:
        with library(*INSTALL):
            from azula.denoise import KarrasDenoiser, SimpleDenoiser
            from azula.noise import VESchedule
        made = {"simple": SimpleDenoiser, "karras": KarrasDenoiser}[self.denoiser]
        shaped = as_images(x) if self.images else x
        denoiser = made(_Backbone(model, self.sigma, self.denoiser, shaped), VESchedule(self.sigma, self.sigma))
        found: Tensor = denoiser.loss(shaped, torch.zeros_like(x[:, 0]))
        weight = 1 / self.sigma**2 + 1
        if self.denoiser == "simple":
            weight = min(weight, 1e4)
        return found * x.shape[-1] / (2 * weight * self.sigma**4)


class _Backbone(nn.Module):
    """b with c_skip x + c_out b(c_in x) = x + σ² s(x) (Karras), or b(c_in x) = x + σ² s(x) (simple)."""

    def __init__(self, model: Model, sigma: float, denoiser: str, like: Tensor) -> None:
        super().__init__()
        self.register_buffer("kind", like.new_zeros(()))  # the library asks for a dtype
        self._model = model
        self._sigma = sigma
        self._karras = denoiser == "karras"
        self._like = like

    def forward(self, scaled: Tensor, time: Tensor) -> Tensor:
        variance = self._sigma**2
        x = scaled * (1 + variance) ** 0.5
        mean = x + variance * self._model(flattened(x, self._like)).reshape(x.shape)
        if not self._karras:
            return mean
        return (mean - x / (1 + variance)) * (1 + variance) ** 0.5 / self._sigma
