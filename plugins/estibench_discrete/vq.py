"""Vector quantisation, smoothed: the code is drawn with probabilities that fall off with its distance."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from estibench import PositiveInt
from estibench_discrete.contract import Objective
from estibench_discrete.quantisation import Normal, Quantisation


@dataclass(frozen=True, kw_only=True)
class VQ(Quantisation):
    """The gradient of Σ_b E f_b(e_c) over codes c ~ q_b, with q_b(c) ∝ exp(−‖x_b − e_c‖²/T).

    The true gradient through the nearest code is 0 almost everywhere, so what straight-through and the rotation trick
    estimate is undefined until it is said how assignments are smoothed: here by T. Truth: sum over all codes.

    With one-hot z, logits −‖x − e_c‖²/T and the quantised vector zᵀE:

        reconstruction   f = ½‖y − decoder(zᵀE)‖², the gradient in the encoder's outputs x, (batch, dim)
        codebook         f = ‖x − zᵀE‖², the gradient in the codebook E, (codes, dim)

    As T → 0 the latter is the gradient of the quantisation error min_c ‖x − e_c‖².

    Parameters:
        codes, dim, batch: sizes of the codebook and of x.
        temperature: T.
        loss: reconstruction or codebook.
        hidden: width of the decoder, one tanh layer.
    """

    codes: PositiveInt = 16
    loss: Literal["reconstruction", "codebook"] = "reconstruction"

    citation = "van den Oord, Vinyals, Kavukcuoglu, NeurIPS 2017; q: Sønderby, Poole, Mnih 2017; Roy et al. 2018."
    examples = ({}, {"loss": "codebook"})

    @property
    def degree(self) -> int | None:
        return 2 if self.loss == "codebook" else None

    def _own_codes(self, normal: Normal) -> Tensor:
        return normal(self.codes, self.dim)

    @cached_property
    def logits(self) -> Tensor:
        return self.place(self.exact._logits64)

    @property
    def _logits64(self) -> Tensor:
        distances = (self.outputs[:, None] - self.codebook).square().sum(-1)
        return -distances[:, None] / self.temperature

    def loss_at(self, point: Tensor) -> Tensor:
        if self.loss == "codebook":
            return (self.outputs - point).square().sum(-1)
        return super().loss_at(point)

    @cached_property
    def objective(self) -> Objective:
        return Objective(lambda z: self.loss_at(z[..., 0, :] @ self.codebook), self.torch_dtype)

    def estimand(self, gradient: Tensor) -> Tensor:
        """The chain rule through the distances, and for the codebook the part that is explicit in it."""
        g = gradient[:, 0]
        x, E = self.outputs.to(g.dtype), self.codebook.to(g.dtype)
        towards = E - x[:, None]  # (batch, codes, dim)
        if self.loss == "reconstruction":
            return 2 / self.temperature * (g[..., None] * towards).sum(1)
        q = torch.softmax(self.logits[:, 0].to(g.dtype), -1)
        return 2 * ((q - g / self.temperature)[..., None] * towards).sum(0)
