"""sbi (Boelts, Deistler and others): the denoising loss of its score estimators.

Bridge: the network is made such that the library's forward pass, which adds a normal score and scales, gives the
harness's score; there is no condition (a constant one). The schedule is cut at one time, whose noise level is σ; the
weight over times is the library's `identity`. The loss is twice the harness's normalisation, and is halved. Noise comes
from torch's global generator, which is seeded for the time of a call.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from estibench import PositiveFloat, Unsupported
from estibench_peers.losses import UNBIASED_AT_SIGMA, LibraryLoss, Model
from estibench_peers.optional import library
from estibench_peers.seeds import random_kept

INSTALL = ("sbi", "nflows", "tensorboard", "protobuf", "absl-py", "zuko", "tqdm")
SIGMA_MIN, SIGMA_MAX = 1e-4, 10.0  # the library's defaults


@dataclass(frozen=True)
class SbiDenoising(LibraryLoss):
    """`sbi.neural_nets.estimators.score_estimator.VEScoreEstimator.loss`.

    Documentation (ConditionalScoreEstimator.loss): "Defines the denoising score matching loss (e.g., from Song et al.,
    ICLR 2021). […] control_variate: Whether to use a control variate to reduce the variance of the stochastic loss
    estimator. control_variate_threshold: […] If the std exceeds this threshold, the control variate is not used."
    Denoising score matching is unbiased for the density noised by σ, and a control variate has mean zero.

    Parameters:
        sigma: the noise level at the time that is asked for; the harness's.
        control_variate: default true.
        control_variate_threshold: default 0.3.
    """

    sigma: PositiveFloat = 0.1
    control_variate: bool = True
    control_variate_threshold: PositiveFloat = 0.3

    denoises: ClassVar[bool] = True
    claims = (UNBIASED_AT_SIGMA,)
    citation = "sbi, Boelts, Deistler et al. 2024; Song et al. 2021; control variate: Song and Kingma 2021."

    def objective(self, model: Model, x: Tensor) -> Tensor:
        with library(*INSTALL), random_kept():
            from sbi.neural_nets.estimators.score_estimator import VEScoreEstimator
        if not SIGMA_MIN <= self.sigma <= SIGMA_MAX:
            raise Unsupported(f"the schedule goes from {SIGMA_MIN:g} to {SIGMA_MAX:g}, and sigma is {self.sigma:g}")
        shape, condition = x.shape[1:], x.new_zeros(x.shape[0], 1)
        network: Any = _Network(model, self.sigma)
        estimator = VEScoreEstimator(network, shape, condition.shape[1:], weight_fn="identity").to(x.device, x.dtype)
        end = torch.tensor(SIGMA_MAX / SIGMA_MIN, dtype=x.dtype).log()
        time = torch.tensor(self.sigma / SIGMA_MIN, dtype=x.dtype).log() / end  # σ = σ_min (σ_max/σ_min)ᵗ
        found: Tensor = estimator.loss(
            x,
            condition,
            times=time.expand(x.shape[0]).to(x.device),
            control_variate=self.control_variate,
            control_variate_threshold=self.control_variate_threshold,
        )
        return found.mean() / 2


class _Network(nn.Module):
    """net with −net(x/r, ·, ·)/σ − x/r² = s(x), r² = 1 + σ²: the library's preconditioning undone."""

    def __init__(self, model: Model, sigma: float) -> None:
        super().__init__()
        self._model = model
        self._sigma = sigma

    def forward(self, scaled: Tensor, condition: Tensor, time: Tensor) -> Tensor:
        squared = 1 + self._sigma**2
        x = scaled * squared**0.5
        return -self._sigma * (self._model(x) + x / squared)
