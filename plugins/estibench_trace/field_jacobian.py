"""The divergence of a vector field whose closed form is known."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from estibench import PositiveInt
from estibench_trace.contract import DivergenceProblem
from estibench_trace.fields import FAMILIES, Weights
from estibench_trace.operators import Field


@dataclass(frozen=True, kw_only=True)
class FieldJacobian(DivergenceProblem):
    """div f at `batch` standard normal points. Truth: closed form, shape (batch,).

    Parameters:
        family: affine, sylvester (U tanh(Wx + b)), mlp (two hidden tanh layers), skew_gradient (divergence 0),
            radial (g(‖x‖) x). Formulas: `estibench_trace.fields`.
        hidden: width of the hidden layers, where there are any.
    """

    family: Literal["affine", "sylvester", "mlp", "skew_gradient", "radial"] = "mlp"
    hidden: PositiveInt = 64

    citation = "Sylvester fields: van den Berg et al., Sylvester normalizing flows, UAI 2018."
    examples = ({"dim": 16, "batch": 4, "hidden": 16},)

    @cached_property
    def _weights64(self) -> Weights:
        return FAMILIES[self.family].weights(self.dim, self.hidden, self.data_generator())

    @cached_property
    def field(self) -> Field:
        return FAMILIES[self.family].field(*map(self.place, self._weights64))

    @cached_property
    def points(self) -> Tensor:
        generator = torch.Generator().manual_seed(self.seed + 1)
        return self.place(torch.randn(self.batch, self.dim, generator=generator, dtype=torch.float64))

    @cached_property
    def truth(self) -> Tensor:
        x = self.points.to(device="cpu", dtype=torch.float64)
        return FAMILIES[self.family].divergence(*self._weights64)(x)

    @property
    def truth_source(self) -> str:
        return "closed form"
