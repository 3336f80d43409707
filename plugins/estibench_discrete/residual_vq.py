"""Residual vector quantisation, smoothed: each stage quantises what the stages before it have left."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from estibench import PositiveInt
from estibench_discrete.contract import MOST_STATES, Objective
from estibench_discrete.quantisation import Normal, Quantisation


@dataclass(frozen=True, kw_only=True)
class ResidualVQ(Quantisation):
    """The gradient in x, (batch, dim), of Σ_b E f_b(Σ_m e^m_{c_m}), f = ½‖y − decoder(·)‖², over codes of M stages,

        q(c_1, …, c_M) = Π_m q_m(c_m | r_m),   q_m(c | r) ∝ exp(−‖r − e^m_c‖²/T),   r_1 = x,   r_{m+1} = r_m − e^m_{c_m}

    The stages depend on each other, so that all of them are one variable of K^M values, with the logits log q. Truth:
    the sum over all, by ∇_x log q = (2/T) Σ_m (e^m_{c_m} − E_{q_m} e^m). As T → 0 the choice is greedy, stage by stage,
    which need not be the nearest of all K^M sums.

    Parameters:
        codes, stages: K codes in each of M codebooks; those of a stage are half as large as the stage's before it.
        dim, batch: sizes of x.
        temperature: T.
        hidden: width of the decoder, one tanh layer.
    """

    codes: PositiveInt = 4
    stages: PositiveInt = 2

    citation = "Zeghidour et al., SoundStream, 2021; Lee et al., residual quantization, CVPR 2022 (the quantiser)."

    def __post_init__(self) -> None:
        if self.codes**self.stages > MOST_STATES:
            raise ValueError(f"{self.codes}^{self.stages} states are more than {MOST_STATES}")

    def _own_codes(self, normal: Normal) -> Tensor:
        """The stages' codebooks, (stages, codes, dim)."""
        halves = 0.5 ** torch.arange(self.stages, dtype=torch.float64)
        return halves[:, None, None] * normal(self.stages, self.codes, self.dim)

    @cached_property
    def codebook(self) -> Tensor:
        """The sums of all choices, (codes^stages, dim): the last stage runs fastest."""
        total = self._data[1][0]
        for E in self._data[1][1:]:
            total = (total[:, None] + E).flatten(0, 1)
        return total

    @cached_property
    def _paths(self) -> tuple[Tensor, Tensor]:
        """log q, (batch, codes^stages), and ½T ∇_x log q, (batch, codes^stages, dim), of all choices."""
        left = self.outputs[:, None]
        log_q, towards = left.new_zeros(self.batch, 1), torch.zeros_like(left)
        for E in self._data[1]:
            distances = (left[:, :, None] - E).square().sum(-1)
            step = torch.log_softmax(-distances / self.temperature, -1)  # (batch, choices so far, codes)
            mean = step.exp() @ E
            log_q = (log_q[..., None] + step).flatten(1)
            towards = (towards[:, :, None] + E - mean[:, :, None]).flatten(1, 2)
            left = (left[:, :, None] - E).flatten(1, 2)
        return log_q, towards

    @cached_property
    def logits(self) -> Tensor:
        return self.place(self.exact._paths[0][:, None])

    @cached_property
    def _towards(self) -> Tensor:
        return self.place(self.exact._paths[1])

    @property
    def nearest(self) -> Tensor:
        """The greedy choice, as a place among all, (batch,)."""
        left = self.outputs
        found = torch.zeros(self.batch, dtype=torch.long, device=left.device)
        for E in self._data[1]:
            code = (left[:, None] - E).square().sum(-1).argmin(-1)
            found, left = found * self.codes + code, left - E[code]
        return found

    def prepare(self) -> None:
        super().prepare()
        _ = self._towards, self.codebook

    @cached_property
    def objective(self) -> Objective:
        return Objective(lambda z: self.loss_at(z[..., 0, :] @ self.codebook), self.torch_dtype)

    def estimand(self, gradient: Tensor) -> Tensor:
        """The chain rule through log q."""
        g = gradient[:, 0, :, None]
        return 2 / self.temperature * (g * self._towards.to(g.dtype)).sum(1)
