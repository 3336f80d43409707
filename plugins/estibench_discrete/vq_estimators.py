"""How gradients get past a codebook: straight-through, the rotation trick, and the codebook's own loss."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from estibench import Bias, Claim, Cost, Estimator, Unsupported, Variance
from estibench_discrete.distribution import one_hot, sample, wide
from estibench_discrete.vq import VQ


def code_weights(problem: VQ, estimator: VectorQuantiser) -> Tensor:
    """The probability that each code is taken, (codes, batch), float64."""
    q = problem.reference.p[:, 0]
    return (one_hot(q.argmax(-1), q) if estimator.assignment == "nearest" else q).mT


def expected(problem: VQ, estimator: VectorQuantiser) -> Tensor:
    """Mean of the estimate, by summing over codes: shaped like the truth."""
    weights, terms = code_weights(problem, estimator), estimator.terms(problem.exact)
    mean = torch.einsum("cb,cb...->b...", weights, terms)
    return mean if problem.loss == "reconstruction" else mean.sum(0)


def variance(problem: VQ, estimator: VectorQuantiser) -> Tensor:
    """Total variance for each datum, (batch,): data are independent."""
    weights, terms = code_weights(problem, estimator), estimator.terms(problem.exact).flatten(2)
    centred = terms - torch.einsum("cb,cbi->bi", weights, terms)
    return torch.einsum("cb,cbi->b", weights, centred.square())


@dataclass(frozen=True)
class VectorQuantiser(Estimator):
    """An estimator for a codebook. Its gradient is a function of the code that each datum gets.

    Parameters:
        assignment: `nearest`, as VQ-VAEs do, without any noise; or `sampled` from q.
    """

    assignment: Literal["nearest", "sampled"] = "nearest"

    claims: ClassVar[tuple[Claim, ...]] = (
        Bias(lambda problem, estimator: expected(problem, estimator) - problem.truth, "sum over codes"),
        Variance(variance, "sum over codes"),
    )

    @property
    @abstractmethod
    def loss(self) -> str:
        """The loss that it is for."""

    @abstractmethod
    def terms(self, problem: VQ) -> Tensor:
        """The estimate of each datum for each code, (codes, batch, …), by definition: for the claims."""

    @abstractmethod
    def with_codes(self, problem: VQ, z: Tensor) -> Tensor:
        """The estimate for given codes, one-hot (batch, codes), shaped like the truth."""

    def estimate(self, problem: Any, generator: torch.Generator) -> Tensor:
        """The estimate, shaped like the truth."""
        if not isinstance(problem, VQ) or problem.loss != self.loss:
            raise Unsupported(f"needs a codebook and its {self.loss} loss")
        q = torch.softmax(wide(problem.logits), -1)
        z = one_hot(q.argmax(-1), q) if self.assignment == "nearest" else sample(q, 1, generator)[0]
        return self.with_codes(problem, z[:, 0].to(problem.torch_dtype))


@dataclass(frozen=True)
class VQStraightThrough(VectorQuantiser):
    """∂f/∂x := ∇f(e_c): the gradient at the code, copied to the encoder's output.

    Cost: one evaluation and one gradient.
    """

    claims = (*VectorQuantiser.claims, Cost("evaluation", lambda problem, estimator: 1, "1"))
    citation = "van den Oord, Vinyals, Kavukcuoglu, NeurIPS 2017, section 3.2."

    @property
    def loss(self) -> str:
        return "reconstruction"

    def terms(self, problem: VQ) -> Tensor:
        codes = problem.codebook[:, None].expand(-1, problem.batch, -1)
        return torch.func.grad(lambda point: problem.loss_at(point).sum())(codes)

    def with_codes(self, problem: VQ, z: Tensor) -> Tensor:
        return problem.slope_at(z @ problem.codebook)


@dataclass(frozen=True)
class RotationTrick(VectorQuantiser):
    """∂f/∂x := (‖e_c‖/‖x‖) Rᵀ∇f(e_c), R the rotation in the plane of x and e_c that takes the one to the other.

    With unit vectors x̂, ê and r = (x̂ + ê)/‖x̂ + ê‖: R = I − 2 r rᵀ + 2 ê x̂ᵀ. The angle between the gradient and the
    vector survives the way back. Undefined where x or e_c is 0, or where they are opposite.

    Cost: one evaluation and one gradient.
    """

    claims = VQStraightThrough.claims
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


@dataclass(frozen=True)
class CodebookLoss(VectorQuantiser):
    """∂/∂e_c := Σ_b 2 (e_c − x_b) over the data that have the code c: the loss ‖sg[x] − e‖² that moves codes to data.

    The exact gradient of the quantisation error, T = 0: at the nearest code, the assignment has no slope to neglect. At
    T > 0 it leaves out how probabilities depend on the codebook.

    Cost: one evaluation and one gradient.
    """

    claims = VQStraightThrough.claims
    citation = "van den Oord, Vinyals, Kavukcuoglu, NeurIPS 2017, eq. 3, second term."

    @property
    def loss(self) -> str:
        return "codebook"

    def terms(self, problem: VQ) -> Tensor:
        pull = 2 * (problem.codebook[:, None] - problem.outputs)  # (codes, batch, dim)
        return torch.eye(problem.codes, dtype=pull.dtype)[:, None, :, None] * pull[:, :, None]

    def with_codes(self, problem: VQ, z: Tensor) -> Tensor:
        return z.mT @ problem.slope_at(z @ problem.codebook)
