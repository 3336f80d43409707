"""vector-quantize-pytorch (Wang): gradients past a codebook.

Bridge, for both: the layer gets the problem's codebook, frozen; the gradient at its quantised output is the problem's,
and the layer's own backward pass takes it to the encoder's output.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from estibench import Bias, Claim, Cost, Deterministic, Estimator, Unsupported
from estibench_discrete import VQ
from estibench_peers.optional import library
from estibench_peers.seeds import torch_seeded

INSTALL = ("vector-quantize-pytorch", "einops", "einx", "frozendict", "loguru", "torch-einops-utils")


def nearest(problem: VQ) -> tuple[Tensor, Tensor]:
    """The nearest codes, (batch, dim), and the loss's gradient there; float64."""
    exact = problem.exact
    code = exact.codebook[exact.logits[:, 0].argmax(-1)]
    return code, exact.slope_at(code)


@dataclass(frozen=True)
class _Layer(Estimator):
    rotation_trick: ClassVar[bool]

    @staticmethod
    @abstractmethod
    def documented(problem: VQ) -> Tensor:
        """What the documentation says that the layer passes back, (batch, dim), float64."""

    claims: ClassVar[tuple[Claim, ...]] = (
        Bias(
            lambda problem, estimator: estimator.documented(problem) - problem.truth,
            "that of the documented map",
            when=lambda problem, estimator: problem.dtype == "float32",
            given="in float32, in which the layer quantises whatever x is",
        ),
        Deterministic(),
        Cost("evaluation", lambda problem, estimator: 1, "1"),
    )

    def estimate(self, problem: Any, generator: torch.Generator) -> Tensor:
        """(batch, dim)."""
        with library(*INSTALL):
            from vector_quantize_pytorch import VectorQuantize
        if not isinstance(problem, VQ) or problem.loss != "reconstruction":
            raise Unsupported("needs a codebook and its reconstruction loss")
        with torch_seeded(torch.Generator().manual_seed(0)):  # for its own first codebook, which is replaced
            layer = VectorQuantize(
                dim=problem.dim,
                codebook_size=problem.codes,
                freeze_codebook=True,
                rotation_trick=self.rotation_trick,
            ).to(problem.outputs)
        layer.codebook = problem.codebook
        x = problem.outputs.detach()[None].requires_grad_()
        with torch.enable_grad():
            quantised, _, _ = layer(x)
            slope = problem.slope_at(quantised[0].detach().to(problem.torch_dtype))
            (found,) = torch.autograd.grad(quantised, x, slope[None].to(quantised.dtype))
        return found[0]


@dataclass(frozen=True)
class VQPytorchStraightThrough(_Layer):
    """`VectorQuantize(dim, codebook_size, rotation_trick=False)`.

    Documentation (README, "Gradient Computation"): "VQ-VAEs are traditionally trained with the straight-through
    estimator (STE). During the backwards pass, the gradient flows around the VQ layer rather than through it."
    """

    rotation_trick = False
    citation = "vector-quantize-pytorch; van den Oord, Vinyals, Kavukcuoglu, NeurIPS 2017."

    @staticmethod
    def documented(problem: VQ) -> Tensor:
        return nearest(problem)[1]


@dataclass(frozen=True)
class VQPytorchRotationTrick(_Layer):
    """`VectorQuantize(dim, codebook_size)`: the rotation trick is its default.

    Documentation (README, "Gradient Computation"): "The rotation trick paper proposes to transform the gradient through
    the VQ layer so the relative angle and magnitude between the input vector and quantized output are encoded into the
    gradient."
    """

    rotation_trick = True
    citation = "vector-quantize-pytorch; Fifty et al., ICLR 2025 (arXiv 2410.06424), section 4.2."

    @staticmethod
    def documented(problem: VQ) -> Tensor:
        code, slope = nearest(problem)
        x = problem.exact.outputs
        x_hat, e_hat = (torch.nn.functional.normalize(v, dim=-1) for v in (x, code))
        r = torch.nn.functional.normalize(x_hat + e_hat, dim=-1)
        back = slope - 2 * r * (r * slope).sum(-1, keepdim=True) + 2 * x_hat * (e_hat * slope).sum(-1, keepdim=True)
        return code.norm(dim=-1, keepdim=True) / x.norm(dim=-1, keepdim=True) * back
