"""The rotation trick."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from estibench import Unsupported
from estibench_discrete.lookup import Lookup
from estibench_discrete.quantisation import Quantisation
from estibench_discrete.vector_quantiser import KnownQuantiser
from estibench_discrete.vq_straight_through import VQStraightThrough


@dataclass(frozen=True)
class RotationTrick(KnownQuantiser):
    """∂f/∂x := (‖e_c‖/‖x‖) Rᵀ∇f(e_c), R the rotation in the plane of x and e_c that takes the one to the other.

    With unit vectors x̂, ê and r = (x̂ + ê)/‖x̂ + ê‖: R = I − 2 r rᵀ + 2 ê x̂ᵀ. The angle between the gradient and the
    vector survives the way back. Undefined where x or e_c is 0, or where they are opposite.

    Cost: one evaluation and one gradient.
    """

    citation = "Fifty et al., Restructuring vector quantization with the rotation trick, ICLR 2025 (arXiv 2410.06424)."

    @property
    def loss(self) -> str:
        return "reconstruction"

    def terms(self, problem: Quantisation) -> Tensor:
        slopes = VQStraightThrough(self.assignment).terms(problem)
        # The rotation from its invariant plane: cosine and sine there, the identity elsewhere.
        x, codes = problem.outputs, problem.codebook[:, None]
        first = torch.nn.functional.normalize(x, dim=-1).expand_as(slopes)
        along = (codes * first).sum(-1, keepdim=True)
        second = torch.nn.functional.normalize(codes - along * first, dim=-1)
        size = codes.norm(dim=-1, keepdim=True)
        cosine, sine = (part[..., None] for part in (along / size, (codes * second).sum(-1, keepdim=True) / size))

        def outer(a: Tensor, b: Tensor) -> Tensor:
            return a[..., :, None] * b[..., None, :]

        R = torch.eye(problem.dim, dtype=x.dtype) + (cosine - 1) * (outer(first, first) + outer(second, second))
        R = R + sine * (outer(second, first) - outer(first, second))
        return size / x.norm(dim=-1, keepdim=True) * (R.mT @ slopes[..., None])[..., 0]

    def with_codes(self, problem: Lookup, z: Tensor) -> Tensor:
        if problem.has_zero:
            raise Unsupported("no rotation takes x to a code that is 0, and there is one")
        x, code = problem.outputs, z @ problem.codebook
        g = problem.slope_at(code)
        scale = code.norm(dim=-1, keepdim=True) / x.norm(dim=-1, keepdim=True)
        x_hat, e_hat = x / x.norm(dim=-1, keepdim=True), code / code.norm(dim=-1, keepdim=True)
        r = torch.nn.functional.normalize(x_hat + e_hat, dim=-1)
        back = g - 2 * r * (r * g).sum(-1, keepdim=True) + 2 * x_hat * (e_hat * g).sum(-1, keepdim=True)
        return scale * back
