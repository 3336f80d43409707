"""A linear ODE, whose gradient is a matrix exponential and its derivative."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import linear

from estibench import PositiveFloat
from estibench_flow.field import Dynamics
from estibench_flow.matrices import matrix
from estibench_flow.ode_problem import OdeProblem, joined


@dataclass(frozen=True, kw_only=True)
class LinearOde(OdeProblem):
    """z' = A z, θ = A. With g_b = (z_b(T) − y_b)/batch,

        z(T) = e^{TA} z(0),   ∂L/∂z(0) = e^{TAᵀ} g,   ∂L/∂A = T · D exp(TAᵀ)[Σ_b g_b z_b(0)ᵀ],

    where D exp(X)[E] is the Fréchet derivative of the exponential: the adjoint of E ↦ D exp(X)[E] is E ↦ D exp(Xᵀ)[E].

    Parameters:
        family: of A, times `rate`: generic (Gaussian entries of variance 1/dim), rotation (skew), decay (symmetric,
            eigenvalues from −1 to −½: what is forgotten forwards explodes backwards), stiff (symmetric, from −1 to
            −10⁻³: explicit steps that follow the slow ones explode with the fast ones).
        rate: a factor of A.
    """

    family: Literal["generic", "rotation", "decay", "stiff"] = "generic"
    rate: PositiveFloat = 1.0

    citation = "Al-Mohy and Higham 2009, Computing the Fréchet derivative of the matrix exponential (the truth)."

    @cached_property
    def _A(self) -> Tensor:
        return self.rate * matrix(self.family, self.dim, self.data_generator())

    @property
    def exact_parameters(self) -> Tensor:
        return self._A.reshape(-1)

    def dynamics(self, theta: Tensor) -> Dynamics:
        A = theta.reshape(self.dim, self.dim)
        return lambda t, z: linear(z, A)

    @cached_property
    def truth(self) -> Tensor:
        from scipy.linalg import expm_frechet

        z = self.exact_start
        flow = torch.matrix_exp(self.time * self._A)
        g = (z @ flow.T - self.exact_target) / self.batch
        _, derivative = expm_frechet((self.time * self._A.T).numpy(), (g.T @ z).numpy())
        return joined(g @ flow, self.time * torch.from_numpy(derivative))

    @property
    def magnitude(self) -> float:
        """‖truth‖ (1 + T‖A‖₂): an A that is rounded, by ε‖A‖, is another problem, whose e^{TA} is off by ε times the
        condition of the exponential. That is T‖A‖₂ for normal matrices (rotation, decay, stiff) and no less for others.

        Source: Van Loan 1977, The sensitivity of the matrix exponential.
        """
        return float(self.truth.norm()) * (1 + self.time * float(torch.linalg.matrix_norm(self._A, 2)))

    @property
    def truth_source(self) -> str:
        return "closed form: matrix exponential and its Fréchet derivative"
