"""Vector quantisation, smoothed: the code is drawn with probabilities that fall off with its distance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import linear

from estibench import PositiveFloat, PositiveInt, count
from estibench_discrete.contract import GradientProblem, Objective
from estibench_discrete.differentiate import gradient_of_sum


@dataclass(frozen=True, kw_only=True)
class VQ(GradientProblem):
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
    dim: PositiveInt = 4
    batch: PositiveInt = 4
    temperature: PositiveFloat = 1.0
    loss: Literal["reconstruction", "codebook"] = "reconstruction"
    hidden: PositiveInt = 32

    citation = "van den Oord, Vinyals, Kavukcuoglu, NeurIPS 2017; q: Sønderby, Poole, Mnih 2017; Roy et al. 2018."
    examples = ({}, {"loss": "codebook"})

    @property
    def degree(self) -> int | None:
        return 2 if self.loss == "codebook" else None

    @property
    def plain(self) -> bool:
        return False

    @cached_property
    def _data(self) -> tuple[Tensor, ...]:
        """x (batch, dim), E (codes, dim), y (batch, dim), and the decoder's weights."""
        generator = self.data_generator()

        def normal(*shape: int) -> Tensor:
            return torch.randn(shape, generator=generator, dtype=torch.float64)

        d, h = self.dim, self.hidden
        data = [normal(self.batch, d), normal(self.codes, d), normal(self.batch, d)]
        weights = [normal(h, d) / d**0.5, normal(h), normal(d, h) / h**0.5]
        return tuple(map(self.place, data + weights))

    @property
    def outputs(self) -> Tensor:
        """The encoder's outputs x, (batch, dim)."""
        return self._data[0]

    @property
    def codebook(self) -> Tensor:
        """E, (codes, dim)."""
        return self._data[1]

    @cached_property
    def logits(self) -> Tensor:
        return self.place(self.exact._logits64)

    @property
    def _logits64(self) -> Tensor:
        distances = (self.outputs[:, None] - self.codebook).square().sum(-1)
        return -distances[:, None] / self.temperature

    def loss_at(self, point: Tensor) -> Tensor:
        """f_b with a vector in the place of the code: (..., batch, dim) → (..., batch). Not counted."""
        x, _, y, W, bias, V = self._data
        if self.loss == "codebook":
            return (x - point).square().sum(-1)
        return 0.5 * (y - linear(torch.tanh(linear(point, W, bias)), V)).square().sum(-1)

    def slope_at(self, point: Tensor) -> Tensor:
        """∇ of `loss_at`, like `point`, (batch, dim). Costs an evaluation and a gradient."""
        count("evaluation")
        count("gradient")
        return gradient_of_sum(self.loss_at, point)[0]

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

    @property
    def posterior_kl(self) -> Tensor:
        """KL(q ‖ uniform), (batch,): log K for a deterministic posterior, T → 0."""
        log_q = torch.log_softmax(self.logits[:, 0], -1)
        return (log_q.exp() * log_q).sum(-1) + math.log(self.codes)

    @property
    def elbo(self) -> Tensor:
        """E_q log p(y|e_c) − KL(q ‖ uniform) with log p = −f, Gaussian of unit variance less its constant, (batch,)."""
        q = torch.softmax(self.logits[:, 0], -1)
        return -(q * self._code_losses).sum(-1) - self.posterior_kl

    @property
    def deterministic_elbo(self) -> Tensor:
        """log p(y|e_c) − log K at the nearest code c, (batch,): what VQ-VAEs maximise."""
        nearest = self.logits[:, 0].argmax(-1, keepdim=True)
        return -self._code_losses.gather(-1, nearest)[:, 0] - math.log(self.codes)

    @property
    def _code_losses(self) -> Tensor:
        """f_b(e_c), (batch, codes)."""
        return self.loss_at(self.codebook[:, None].expand(-1, self.batch, -1)).mT
