"""A linear autoencoder, whose best likelihood is known: probabilistic principal components."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from estibench import NonNegativeInt, PositiveFloat, PositiveInt
from estibench_evidence.normal_vae import Parameters, Shape
from estibench_evidence.vae_fit import VAEFit


@dataclass(frozen=True, kw_only=True)
class VAELinear(VAEFit):
    """Linear encoder, linear decoder of weights V and offset c, one scale s: the model is N(c, VVᵀ + s²I) on R^D. The
    curve is its exact −log-likelihood on the training data, in nats a datum.

    Truth: the least one. With the eigenvalues λ₁ ≥ … ≥ λ_D of the data's covariance, s² = Σ_{j>m} λ_j/(D − m), it is
    ½ (D log 2π + Σ_{j≤m} log λ_j + (D − m) log s² + D). There V's columns may be at right angles, q then is the
    posterior, and the ELBO has the same optimum; it has no other local ones. What stays is what gradients have missed.

    Parameters:
        data_dim: D > dim.
        data: number of points, normal with standard deviations from 1 + m to 2 in m directions and `noise` in all.
        noise: standard deviation.
    """

    dim: PositiveInt = 2
    hidden: NonNegativeInt = 0
    data_dim: PositiveInt = 6
    data: PositiveInt = 512
    noise: PositiveFloat = 0.5

    citation = (
        "Tipping and Bishop 1999, Probabilistic principal component analysis, equations 7, 8 and appendix A; "
        "Lucas, Tucker, Grosse and Norouzi 2019, Don't blame the ELBO! (no local optima)"
    )
    examples = ({"steps": 6, "batch": 8, "data": 32, "judged_samples": 4},)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.hidden:
            raise ValueError(f"a linear autoencoder has no hidden layer: hidden must be 0, got {self.hidden}")
        if self.data_dim <= self.dim:
            raise ValueError(f"data_dim must be more than dim ({self.dim}), got {self.data_dim}")

    @property
    def shape(self) -> Shape:
        return Shape(self.data_dim, self.dim, 0, scales=False)

    @cached_property
    def _points(self) -> Tensor:
        """(data, D), float64."""
        stream = self.data_generator()

        def normal(*shape: int) -> Tensor:
            return torch.randn(shape, generator=stream, dtype=torch.float64)

        W = torch.linalg.qr(normal(self.data_dim, self.dim)).Q * torch.arange(self.dim + 1, 1, -1)
        return normal(self.data, self.dim) @ W.mT + self.noise * normal(self.data, self.data_dim) + 1

    @cached_property
    def training(self) -> Tensor:
        return self.place(self._points)

    @cached_property
    def held_out(self) -> Tensor:
        return self.training

    def loss(self, parameters: Parameters) -> Tensor:
        wide = torch.promote_types(self.torch_dtype, torch.float32)  # half precision has no Cholesky factors
        V, c, gamma = (one.to(wide) for one in parameters[2:])
        eye = torch.eye(self.data_dim, dtype=V.dtype, device=V.device)
        covariance = V @ V.mT + (2 * gamma).exp() * eye
        factor, info = torch.linalg.cholesky_ex(covariance)
        white = torch.linalg.solve_triangular(factor, (self.training.to(wide) - c).mT, upper=False)
        log_det = factor.diagonal().log().sum()
        found = 0.5 * white.square().sum(0).mean() + log_det + 0.5 * self.data_dim * math.log(2 * math.pi)
        return torch.where(info == 0, found, math.nan).to(self.torch_dtype)

    @cached_property
    def truth(self) -> Tensor:
        eigenvalues = torch.linalg.eigvalsh(torch.cov(self._points.mT, correction=0)).flip(0)
        kept, left = eigenvalues[: self.dim], eigenvalues[self.dim :]
        D = self.data_dim
        least = 0.5 * (D * math.log(2 * math.pi) + kept.log().sum() + len(left) * left.mean().log() + D)
        return least.expand(len(self.checkpoints)).clone()

    @property
    def truth_source(self) -> str:
        return "closed form"
