"""A plugin whose texts try to be more than text, wherever a plugin may say something."""

from dataclasses import dataclass

import torch

from estibench import Estimator, EstimatorEntry, ProblemEntry, Unbiased, Unsupported, Variance, hookimpl
from estibench_trace.structured_matrix import StructuredMatrix

TEXT = "<script>alert(1)</script> | \x1b[31mred\x1b[0m $x_1$ \\input{/etc/passwd} ](javascript:alert) & % # \x07"


@hookimpl
def bench_problems():
    return [ProblemEntry("hostile_problem", f"{__name__}:HostileProblem", TEXT, "trace")]


@hookimpl
def bench_estimators():
    return [
        EstimatorEntry(name, f"{__name__}:{cls}", TEXT, ("trace",))
        for name, cls in (("speaks", "Speaks"), ("complains", "Complains"), ("declines", "Declines"))
    ]


@hookimpl
def bench_report_sections(results):
    return [(TEXT, TEXT)]


@dataclass(frozen=True, kw_only=True)
class HostileProblem(StructuredMatrix):
    """<script>alert(2)</script>"""

    @property
    def truth_source(self):
        return TEXT


@dataclass(frozen=True)
class Speaks(Estimator):
    """Claims in hostile words, some of them false."""

    kind: str = TEXT
    claims = (Unbiased(when=lambda problem, estimator: True, given=TEXT), Variance(lambda p, e: 9.0, TEXT))
    citation = TEXT

    def estimate(self, problem, generator):
        noise = torch.randn(1, generator=generator, dtype=problem.torch_dtype)
        return problem.truth.to(problem.torch_dtype) + noise


@dataclass(frozen=True)
class Complains(Estimator):
    """Raises in hostile words."""

    def estimate(self, problem, generator):
        raise ValueError(TEXT)


@dataclass(frozen=True)
class Declines(Estimator):
    """Declines in hostile words."""

    def estimate(self, problem, generator):
        raise Unsupported(TEXT)
