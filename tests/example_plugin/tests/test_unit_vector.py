"""A plugin's own test: all of its coordinates give the exact trace."""

from dataclasses import dataclass

import torch
from estibench_example.unit_vector import UnitVector

from estibench_trace import MatrixProblem


@dataclass(frozen=True, kw_only=True)
class Level(MatrixProblem):
    """2 on the diagonal and −1 beside it."""

    @property
    def matrix(self):
        beside = torch.diag(-torch.ones(self.dim - 1, dtype=torch.float64), 1)
        return 2 * torch.eye(self.dim, dtype=torch.float64) + beside + beside.T

    @property
    def truth(self):
        return torch.tensor([2.0 * self.dim], dtype=torch.float64)

    @property
    def truth_source(self):
        return "closed form: the sum of the diagonal"


def test_it_is_exact_on_a_constant_diagonal():
    problem = Level(dim=16)
    estimate = UnitVector(probes=3).estimate(problem, torch.Generator().manual_seed(0))
    torch.testing.assert_close(estimate, problem.truth)
