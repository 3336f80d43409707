"""A plugin with a problem whose truth is not finite, and one that fails."""

from dataclasses import dataclass

import torch

from estibench import ProblemEntry, hookimpl
from estibench_trace.structured_matrix import StructuredMatrix


@hookimpl
def bench_problems():
    return [
        ProblemEntry("endless", f"{__name__}:Endless", "its truth is infinite", "trace"),
        ProblemEntry("failing", f"{__name__}:Failing", "its truth cannot be computed", "trace"),
    ]


@dataclass(frozen=True, kw_only=True)
class Endless(StructuredMatrix):
    """A truth that is not finite."""

    @property
    def truth(self):
        return torch.tensor([torch.inf], dtype=torch.float64)


@dataclass(frozen=True, kw_only=True)
class Failing(StructuredMatrix):
    """A truth that raises."""

    @property
    def truth(self):
        raise ZeroDivisionError("no truth")
