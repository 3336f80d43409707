"""skerch (Fernandez): sketched traces of linear operators.

Bridge: the matrix is an object with `shape` and `@` from both sides; the library's integer `seed`, whose default makes
every call the same, is drawn from the harness's generator.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from estibench import Cost, Estimator, NonNegativeInt, PositiveInt, ScalesAs, Unbiased, Unsupported
from estibench_peers.optional import library
from estibench_peers.seeds import seed_from
from estibench_peers.square import square
from estibench_trace import TraceProblem

INSTALL = ("skerch", "h5py", "torch-dct")
Noise = Literal["rademacher", "gaussian"]


@dataclass(frozen=True)
class SkerchHutch(Estimator):
    """`skerch.algorithms.hutch`: the Girard–Hutchinson estimate, here of the trace alone (`return_diag=False`).

    Documentation (skerch.algorithms.hutch): "Girard-Hutchinson trace and diagonal estimator. Given a square linear
    operator A, and random vectors v ∼ R with E[v vᴴ] = I […] tr(A) = E[vᴴ A v]"; "num_meas: How many measurements will
    be used". On Gaussian noise it warns: "Non-unitnorm noise can be unstable for trace/diag estimation!"

    Parameters:
        num_meas: measurements; required by the library.
        noise_type: default rademacher. Gaussian columns are normalised by the library.
    """

    num_meas: PositiveInt = 12
    noise_type: Noise = "rademacher"

    claims = (
        Unbiased(),
        Cost("matvec", lambda problem, estimator: estimator.num_meas, "num_meas"),
        ScalesAs("variance", "estimator_num_meas", -1),
    )
    citation = "skerch, Fernandez; Girard 1989; Hutchinson 1990."

    def estimate(self, problem: TraceProblem, generator: torch.Generator) -> Tensor:
        """(1,)."""
        with library(*INSTALL):
            from skerch.algorithms import hutch
        A, seed = square(problem), seed_from(generator)
        with warnings.catch_warnings(action="ignore", category=RuntimeWarning):  # quoted above
            found = hutch(A, A.device, A.dtype, self.num_meas, seed, self.noise_type, return_diag=False)
        return found["tr"].reshape(1)


@dataclass(frozen=True)
class SkerchXHutchpp(Estimator):
    """`skerch.algorithms.xhutchpp`: XTrace with `x_dims` vectors, and `gh_meas` more of Girard–Hutchinson.

    Documentation (skerch.algorithms.xhutchpp): "This function is equivalent to plain Girard-Hutchinson for x_dims=0,
    and equivalent to XDiag if gh_meas=0"; "The runtime cost is typically dominated by the total number of measurements:
    2 * x_dims + gh_meas." On Gaussian noise it warns as `hutch` does: unstable, not another estimand. XTrace and
    Girard–Hutchinson are unbiased (Epperly, Tropp and Webber 2024, section 2).

    Parameters:
        x_dims, gh_meas: both 0 by default in the library, which then refuses; here a budget of 12 matvecs.
        noise_type: default rademacher.
    """

    x_dims: NonNegativeInt = 4
    gh_meas: NonNegativeInt = 4
    noise_type: Noise = "rademacher"

    claims = (
        Unbiased(),
        Cost("matvec", lambda problem, estimator: 2 * estimator.x_dims + estimator.gh_meas, "2 x_dims + gh_meas"),
    )
    citation = "skerch, Fernandez; Epperly, Tropp and Webber 2024."

    def estimate(self, problem: TraceProblem, generator: torch.Generator) -> Tensor:
        """(1,)."""
        with library(*INSTALL):
            from skerch.algorithms import xhutchpp
        A, seed = square(problem), seed_from(generator)
        if not self.x_dims + self.gh_meas > 0 or self.x_dims > problem.dim:
            raise Unsupported(f"x_dims must be at most the dimension {problem.dim}, and one of the two above 0")
        with warnings.catch_warnings(action="ignore", category=RuntimeWarning):  # quoted above
            found = xhutchpp(A, A.device, A.dtype, self.x_dims, self.gh_meas, seed, self.noise_type, return_diag=False)
        return found["tr"].reshape(1)
