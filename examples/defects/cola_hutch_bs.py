"""CoLA: `Hutch(bs=…)`, documented as "Number of probes", is ignored: min(100, n) probes are used."""

from importlib.metadata import version

import torch
from cola.linalg import Hutch, trace
from cola.ops import LinearOperator

used = []


def product(V):
    used.append(V.shape[1])
    return V


identity = LinearOperator(torch.float64, (50, 50), matmat=product)
trace(identity, Hutch(bs=7, max_iters=1))
print(f"cola-ml {version('cola-ml')}, torch {torch.__version__}")
print(f"wrong: {sum(used)} probes")
print("right: 7 probes")
