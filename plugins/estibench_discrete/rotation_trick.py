"""The rotation trick."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from estibench_discrete.vector_quantiser import KnownQuantiser
from estibench_discrete.vq import VQ
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

    def terms(self, problem: VQ) -> Tensor:
        slopes = VQStraightThrough(self.assignment).terms(problem)
        found = torch.empty_like(slopes)
        for c, code in enumerate(problem.codebook):
            for b, x in enumerate(problem.outputs):
                # The rotation from its invariant plane: cosine and sine there, the identity elsewhere.
                first = x / x.norm()
                second = code - (code @ first) * first
                second = torch.nn.functional.normalize(second, dim=0)
                cosine, sine = code @ first / code.norm(), code @ second / code.norm()
                R = torch.eye(problem.dim, dtype=x.dtype)
                R += (cosine - 1) * (torch.outer(first, first) + torch.outer(second, second))
                R += sine * (torch.outer(second, first) - torch.outer(first, second))
                found[c, b] = code.norm() / x.norm() * R.T @ slopes[c, b]
        return found

    def with_codes(self, problem: VQ, z: Tensor) -> Tensor:
        x, code = problem.outputs, z @ problem.codebook
        g = problem.slope_at(code)
        scale = code.norm(dim=-1, keepdim=True) / x.norm(dim=-1, keepdim=True)
        x_hat, e_hat = x / x.norm(dim=-1, keepdim=True), code / code.norm(dim=-1, keepdim=True)
        r = torch.nn.functional.normalize(x_hat + e_hat, dim=-1)
        back = g - 2 * r * (r * g).sum(-1, keepdim=True) + 2 * x_hat * (e_hat * g).sum(-1, keepdim=True)
        return scale * back
