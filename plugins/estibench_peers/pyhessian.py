"""PyHessian (Yao, Gholami, Keutzer, Mahoney): the trace of a network's Hessian.

Bridge: a module whose loss is ½ wᵀA w, so that its Hessian is (A + Aᵀ)/2, with the trace of A; probes from torch's
global generator, which is seeded for the time of a call. The library returns the samples; users take their mean.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from estibench import Estimator, NonNegativeFloat, PositiveInt, Unbiased, Variance
from estibench_peers.optional import library
from estibench_peers.seeds import torch_seeded
from estibench_peers.square import Square, square
from estibench_trace import TraceProblem

INSTALL = ("PyHessian",)


def full_variance(problem: TraceProblem, estimator: PyHessianTrace) -> Tensor | None:
    """Of maxIter Rademacher probes, (1,): 2 (‖S‖²_F − Σ a_ii²)/maxIter with S = (A + Aᵀ)/2."""
    sums = problem.sums
    return None if sums is None else 2 * (sums.frobenius - sums.diagonal).clamp(min=0) / estimator.maxIter


@dataclass(frozen=True)
class PyHessianTrace(Estimator):
    """`pyhessian.hessian(…).trace`: Hutchinson's method, ended when the running mean settles.

    Documentation (hessian.trace): "compute the trace of hessian using Hutchinson's method. maxIter: maximum iterations
    used to compute trace. tol: the relative tolerance". With tol = 0 nothing is settled before maxIter: the variance is
    then that of maxIter probes.

    Parameters:
        maxIter: default 100.
        tol: default 10⁻³.
    """

    maxIter: PositiveInt = 100  # noqa: N815 - the library's name
    tol: NonNegativeFloat = 1e-3

    claims = (
        Unbiased(),
        Variance(
            full_variance,
            "2 (‖S‖² − Σ a_ii²)/maxIter",
            when=lambda problem, estimator: estimator.tol == 0,
            given="the tolerance is 0",
        ),
    )
    examples = ({"maxIter": 10},)
    citation = "Yao, Gholami, Keutzer and Mahoney 2020, PyHessian: Neural networks through the lens of the Hessian."

    def estimate(self, problem: TraceProblem, generator: torch.Generator) -> Tensor:
        """(1,)."""
        with library(*INSTALL):
            from pyhessian import hessian
        A = square(problem)
        data = (torch.zeros(1, dtype=A.dtype), torch.zeros(1, dtype=A.dtype))  # the loss depends on the weight alone
        with (
            torch_seeded(generator),
            torch.enable_grad(),
            warnings.catch_warnings(action="ignore", category=UserWarning),
        ):
            samples = hessian(_Quadratic(A), lambda loss, _: loss, data=data, cuda=False).trace(self.maxIter, self.tol)
        return torch.tensor(samples, dtype=A.dtype).mean()[None]


class _Quadratic(nn.Module):
    """½ wᵀA w of a weight w. The library moves nothing to a device when `cuda=False`."""

    def __init__(self, A: Square) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(A.shape[0], dtype=A.dtype))
        self._A = A

    def forward(self, _: Tensor) -> Tensor:
        loss: Tensor = _QuadraticForm.apply(self.weight, self._A)  # type: ignore[no-untyped-call]
        return loss


class _QuadraticForm(torch.autograd.Function):
    """½ wᵀA w, whose gradient ½(A + Aᵀ)w is linear, so that autograd's second derivative is a pair of products."""

    @staticmethod
    def forward(context, w, A):  # type: ignore[no-untyped-def]
        context.save_for_backward(w)
        context.A = A
        return 0.5 * w @ (A @ w)

    @staticmethod
    def backward(context, upstream):  # type: ignore[no-untyped-def]
        (w,) = context.saved_tensors
        return upstream * _SymmetricProduct.apply(w, context.A), None  # type: ignore[no-untyped-call]


class _SymmetricProduct(torch.autograd.Function):
    """½(A + Aᵀ)w, its own transpose."""

    @staticmethod
    def forward(context, w, A):  # type: ignore[no-untyped-def]
        context.A = A
        return 0.5 * (A @ w + w @ A)

    @staticmethod
    def backward(context, upstream):  # type: ignore[no-untyped-def]
        return _SymmetricProduct.apply(upstream, context.A), None  # type: ignore[no-untyped-call]
