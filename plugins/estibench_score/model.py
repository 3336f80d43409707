"""What a model of the score is: a pure function of a flat vector of parameters and points."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from estibench import Density

Level = float | Tensor


@dataclass(frozen=True)
class ScoreModel(ABC):
    """A family of vector fields s_θ(x) that is fitted to a score. Holds sizes, no data.

    Attributes:
        dim: m.
    """

    dim: int

    @property
    @abstractmethod
    def size(self) -> int:
        """Number of parameters p."""

    @abstractmethod
    def initial(self, generator: torch.Generator) -> Tensor:
        """Parameters at random, (p,), float64: where gradients are wanted, and where fits start."""

    @abstractmethod
    def score(self, theta: Tensor, x: Tensor, level: Level = 0.0) -> Tensor:
        """s_θ(x): (p,), (..., m) → (..., m). Composes with `torch.func`.

        Args:
            level: log of the noise's standard deviation, a number or (..., 1); models that are not conditioned on noise
                ignore it. 0 where nothing is said.
        """

    def with_divergence(self, theta: Tensor, x: Tensor, level: Level = 0.0) -> tuple[Tensor, Tensor]:
        """s_θ(x) and tr ∇s_θ(x), exact: (..., m) and (...). Composes with `torch.func`.

        Default: m JVPs at once. A model with a formula overrides it.
        """

        def along(v: Tensor) -> tuple[Tensor, Tensor]:
            return torch.func.jvp(lambda x: self.score(theta, x, level), (x,), (v.expand_as(x),))[:2]

        unit_vectors = torch.eye(self.dim, dtype=x.dtype, device=x.device)
        s, products = torch.func.vmap(along)(unit_vectors)
        return s[0], products.movedim(0, -1).diagonal(dim1=-2, dim2=-1).sum(-1)

    def log_density(self, theta: Tensor, x: Tensor) -> Tensor | None:
        """log q_θ(x) up to a constant that may depend on θ, with s_θ = ∇ log q_θ: (..., m) → (...); None where the
        model is a field and no energy is known. Composes with `torch.func`."""
        return None

    @property
    def linear(self) -> bool:
        """Whether s_θ is affine in x."""
        return False

    def exact_gradient(self, theta: Tensor, density: Density, sigma: float) -> Tensor | None:
        """∇_θ ½E‖s_θ − ∇log p‖² in closed form, (p,), for the law of x + σε; None where there is none.

        All float64 on the CPU.
        """
        return None

    def optimum(self, density: Density) -> Tensor | None:
        """The θ that minimises the Fisher divergence to the density, (p,), where it has a closed form."""
        return None

    def propagate_curvature(
        self, theta: Tensor, x: Tensor, noise: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, Tensor] | None:
        """s_θ(x) (..., m) and an unbiased sample of tr ∇s (...) by curvature propagation; None without an energy."""
        return None

    @property
    def hidden_width(self) -> int | None:
        """Width of the hidden layers that curvature propagation fills with noise."""
        return None


def affine(x: Tensor, W: Tensor, b: Tensor) -> Tensor:
    """x Wᵀ + b: (..., n) → (..., h). `linear` of `torch.nn.functional`, with fewer calls under `torch.func`."""
    return x @ W.mT + b


def unflatten(theta: Tensor, *shapes: tuple[int, ...]) -> list[Tensor]:
    """The flat vector as tensors of the given shapes, in order."""
    sizes = [int(torch.Size(shape).numel()) for shape in shapes]
    return [part.reshape(shape) for part, shape in zip(theta.split(sizes), shapes, strict=True)]


def gaussian_matrix(rows: int, columns: int, generator: torch.Generator) -> Tensor:
    """Independent N(0, 1/columns) entries, float64, so that products keep their size."""
    return torch.randn(rows, columns, generator=generator, dtype=torch.float64) / columns**0.5
