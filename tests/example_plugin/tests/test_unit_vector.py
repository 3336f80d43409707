"""A plugin's own test: all of its coordinates give the exact trace."""

import torch
from estibench_example.unit_vector import UnitVector

from estibench_trace.structured_matrix import StructuredMatrix


def test_it_is_exact_on_a_constant_diagonal():
    problem = StructuredMatrix(structure="tridiagonal", dim=16)
    estimate = UnitVector(probes=3).estimate(problem, torch.Generator().manual_seed(0))
    torch.testing.assert_close(estimate, problem.truth)
