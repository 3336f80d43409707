"""Any `torch.nn.Module` as a model of the score."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn.utils import parameters_to_vector

from estibench_score.model import Level, ScoreModel, unflatten


@dataclass(frozen=True)
class ModuleModel(ScoreModel):
    """s_θ = a module, (..., m) → (..., m); θ its parameters in their own order, as one vector.

    The module itself is never changed: it is called with other parameters, and buffers in the dtype of θ. A level of
    noise is handed on as a second argument where it is not 0.

    Attributes:
        module: in evaluation mode, without dropout and batch norm. Its present parameters are where gradients are
            wanted and where fits start: make it under `estibench.seeded`.
    """

    module: torch.nn.Module = field(kw_only=True, compare=False)

    @property
    def size(self) -> int:
        return sum(parameter.numel() for parameter in self.module.parameters())

    def initial(self, generator: torch.Generator) -> Tensor:
        return parameters_to_vector(self.module.parameters()).detach().to("cpu", torch.float64)

    def score(self, theta: Tensor, x: Tensor, level: Level = 0.0) -> Tensor:
        named = dict(self.module.named_parameters())
        parts = unflatten(theta, *(tuple(parameter.shape) for parameter in named.values()))
        values = dict(zip(named, parts, strict=True))
        values |= {name: buffer.detach().to(theta) for name, buffer in self.module.named_buffers()}
        plain = not isinstance(level, Tensor) and level == 0.0
        found: Tensor = torch.func.functional_call(self.module, values, (x,) if plain else (x, level))
        return found
