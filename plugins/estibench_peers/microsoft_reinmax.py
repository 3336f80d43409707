"""reinmax (Liu, Dong, Liu, Yu and Gao; Microsoft): straight-through of second order.

Bridge: samples come from torch's global generator, which is seeded for the time of a call; gradients in the logits are
autograd's.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from estibench import Cost, PositiveFloat, PositiveInt, Unbiased
from estibench_discrete import Memoryless, Objective, has_degree
from estibench_peers.by_autograd import by_autograd
from estibench_peers.optional import library
from estibench_peers.seeds import torch_seeded

INSTALL = ("reinmax",)


@dataclass(frozen=True)
class ReinMaxLibrary(Memoryless):
    """`y_hard, y_soft = reinmax(theta, tau)`.

    Documentation (README, "Better Performance with Negligible Computation Overheads"): "ReinMax achieves second-order
    accuracy and is as fast as the original Straight-Through"; of the paper, second-order accuracy means exact for
    quadratic objectives, at τ = 1. Other temperatures trade bias for variance.

    (The README's own example, `reinmax(theta)`, raises: the released function has no default for tau.)

    Parameters:
        tau: the library's, which has no default.
        samples: n rows of logits.
    """

    tau: PositiveFloat = 1.0
    samples: PositiveInt = 1

    claims = (
        Unbiased(
            when=lambda problem, estimator: has_degree(problem, 2) and estimator.tau == 1,
            given="f is quadratic in each variable and τ = 1",
        ),
        Cost("evaluation", lambda problem, estimator: estimator.samples * problem.calls, "n for each gradient"),
    )
    citation = "reinmax; Liu et al., Bridging discrete and backpropagation, NeurIPS 2023."

    def gradient(self, objective: Objective, logits: Tensor, generator: torch.Generator) -> Tensor:
        with library(*INSTALL):
            from reinmax import reinmax

        def samples(theta: Tensor) -> Tensor:
            rows = theta.expand(self.samples, *theta.shape).contiguous()  # the library takes a view
            return reinmax(rows, self.tau)[0]

        with torch_seeded(generator):
            return by_autograd(objective, logits, samples)
