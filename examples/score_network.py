"""A score network on 8×8 digits: which objective of score matching gives the better gradient?

bench assess score_gradient examples/score_network.py:make --seconds 30
"""

from __future__ import annotations

from typing import Any

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

SIGMA, STEPS, BATCH = 0.5, 100, 128


def digits() -> Tensor:
    """Pixels from −1 to 1, (1797, 64)."""
    return torch.as_tensor(load_digits().data, dtype=torch.float32) / 8 - 1


def train(data: Tensor) -> nn.Module:
    """Denoising score matching at one noise level (Vincent 2011)."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(64, 64), nn.SiLU(), nn.Linear(64, 64))
    optimiser = torch.optim.Adam(net.parameters(), 1e-3)
    for _ in range(STEPS):
        x = data[torch.randint(len(data), (BATCH,))]
        noise = torch.randn_like(x)
        loss = (SIGMA * net(x + SIGMA * noise) + noise).square().sum(1).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return net.eval()


def make() -> dict[str, Any]:
    """What `bench assess score_gradient` needs."""
    data = digits()
    return {"network": train(data), "data": data, "sigma": SIGMA}
