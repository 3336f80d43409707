"""normflows: in training mode the default residual block returns another number than its log-determinant."""

from importlib.metadata import version

import numpy as np
import torch
from normflows.flows import Residual

torch.manual_seed(0)
np.random.seed(0)
net = torch.nn.Linear(4, 4, bias=False).double()
torch.nn.init.constant_(net.weight, 0.0)
net.weight.data += 0.5 * torch.eye(4, dtype=torch.float64)  # g(x) = x/2: log det of x + g(x) is 4 log 1.5
block = Residual(net, reverse=False)  # reduce_memory=True is the default
x = torch.randn(20_000, 4, dtype=torch.float64)
means = {}
for mode in (True, False):
    block.train(mode)
    means[mode] = float(torch.cat([block(part)[1].detach() for part in x.split(20)]).mean())
print(f"normflows {version('normflows')}, torch {torch.__version__}")
print(f"wrong: {means[True]:.3f}, the mean of 20 000 in train mode (Σ (−1)^(k+1) tr J^k, without the 1/k)")
print(f"right: {4 * float(np.log(1.5)):.3f}; in eval mode {means[False]:.3f}")
