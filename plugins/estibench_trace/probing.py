"""Probing: the exact trace of a local field from one product a colour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from estibench import Cost, Estimator, Exact, PositiveInt, ScalesAs, Unbiased, Unsupported, Variance
from estibench_trace.colouring import colour_of, colours, count_colours, impulses, reach
from estibench_trace.contract import ROWS, TraceProblem, unit_rows
from estibench_trace.noise import rademacher
from estibench_trace.operators import Operator

LARGEST = 1024  # dimension up to which the variance is summed over all entries


def products_spent(problem: TraceProblem, estimator: Probing) -> int | None:
    """The number of colours, and three products with impulses where the pattern is to be found.

    None where only the products tell the pattern.
    """
    if estimator.receptive is not None:
        return count_colours(problem.shape, estimator.spacing(estimator.receptive))
    if problem.receptive_field is None:
        return None
    return 3 + count_colours(problem.shape, estimator.spacing(problem.receptive_field))


def is_period(problem: TraceProblem, estimator: Probing) -> bool:
    """Whether the colours repeat within a point, so that a larger one has no more of them."""
    r = estimator.receptive or problem.receptive_field
    return r is not None and min(problem.shape[1:] or problem.shape) >= estimator.spacing(r)


def variance(problem: TraceProblem, estimator: Probing) -> Tensor | None:
    """2 Σ S_ij² over pairs i ≠ j of one colour, (batch,), with S = (A + Aᵀ)/2; 0 where the pattern is right."""
    if estimator.receptive is None or problem.dim > LARGEST or problem.sums is None:
        return None
    colour = colour_of(problem.shape, estimator.spacing(estimator.receptive))
    operator = problem.at("cpu", "float64").operator()
    total = torch.zeros(operator.batch, dtype=torch.float64)
    for start, basis in unit_rows(operator, ROWS, torch.float64, "cpu"):
        S = (operator.matvec(basis) + operator.rmatvec(basis)) / 2  # columns of S: (k, batch, dim)
        same = (colour[start : start + len(basis), None] == colour)[:, None] & (basis == 0)
        total += 2 * (S.square() * same).sum((0, 2))
    return total


def seen_reach(problem: TraceProblem, A: Operator, generator: torch.Generator) -> int:
    """How many pixels far three products with impulses are seen to go."""
    v, pixels = impulses(problem.shape, A.batch, generator, problem.torch_dtype)
    return reach(A.rmatvec(v), pixels, problem.shape)


@dataclass(frozen=True)
class Probing(Estimator):
    """tr A = Σ_c v_cᵀ A v_c, v_c the indicator of a colour: exact if a_ij = 0 for all i ≠ j of one colour.

    A field whose outputs see r × r input pixels reaches (r − 1)/2 pixels far. Pixels of one channel that lie s =
    (r + 1)/2 apart along an axis do not see each other, so s² colours a channel are enough on images, and s on lines.
    (r², for pixels r apart, would give all entries of A and not only the diagonal.) Points have the axes of
    `problem.shape`: channels first, then pixels; a plain vector is a line of pixels.

    Parameters:
        receptive: r, the side of the receptive field, odd: what you declare. Without it the reach is found by three
            products with random vectors that are 0 but in one pixel: the first, the last, a random one. What they show
            is taken for the reach of every pixel, as with convolutions of stride 1.
        noise: `ones`, the indicators; or `rademacher`, independent signs in their place. Then E v_cᵀAv_c is the
            trace over that colour for every A, so that a pattern that is too narrow costs variance instead of bias:
            2 Σ S_ij² over i ≠ j of one colour.

    Cost: channels × s² products, three more where the reach is to be found.
    """

    receptive: PositiveInt | None = None
    noise: Literal["ones", "rademacher"] = "ones"

    claims = (
        Exact(when=lambda problem, estimator: estimator.noise == "ones", given="the pattern is trusted"),
        Unbiased(),
        Variance(
            variance,
            "2 Σ S_ij² over i ≠ j of one colour",
            when=lambda problem, estimator: estimator.noise == "rademacher" and estimator.receptive is not None,
            given="signs on a declared pattern",
        ),
        Cost(
            "matvec",
            lambda problem, estimator: products_spent(problem, estimator) or 0,
            "channels · s²",
            when=lambda problem, estimator: products_spent(problem, estimator) is not None,
            given="the receptive field is known",
        ),
        ScalesAs(
            "cost_matvec",
            "problem_dim",
            0,
            when=is_period,
            given="images are larger than the spacing",
        ),
    )
    citation = (
        "Tang and Saad, A probing method for computing the diagonal of a matrix inverse, Numer. Linear Algebra Appl. "
        "19(3), 2012; with signs: Stathopoulos, Laeuchli and Orginos, SIAM J. Sci. Comput. 35(5), 2013."
    )

    def __post_init__(self) -> None:
        if self.receptive is not None and self.receptive % 2 == 0:
            raise ValueError(f"a receptive field has a pixel in its middle: an odd number, not {self.receptive}")

    def spacing(self, receptive: int) -> int:
        """s, how far apart pixels of one colour lie."""
        return (receptive + 1) // 2

    def estimate(self, problem: TraceProblem, generator: torch.Generator) -> Tensor:
        """The traces, (batch,)."""
        A, dtype = problem.operator(), problem.torch_dtype
        if self.receptive is not None:
            spacing = self.spacing(self.receptive)
        elif dtype not in (torch.float32, torch.float64):
            raise Unsupported(f"a pattern is found in float32 or float64, not {problem.dtype}; declare `receptive`")
        else:
            spacing = seen_reach(problem, A, generator) + 1
        signs = rademacher(1, A.batch, A.dim, generator, dtype) if self.noise == "rademacher" else None
        parts = []
        for indicators in colours(problem.shape, spacing, A.batch, dtype, problem.device):
            v = indicators if signs is None else indicators * signs
            parts.append((v * A.rmatvec(v)).sum((0, 2)))
        return torch.stack(parts).sum(0)
