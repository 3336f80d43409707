"""An energy model of two moons: which sampler, and which step size?

bench assess sampling examples/energy_model.py:make --seconds 40
"""

from __future__ import annotations

from typing import Any

import torch
from sklearn.datasets import make_moons
from torch import Tensor, nn

SIGMA, STEPS, BATCH = 0.2, 300, 256


class Energy(nn.Module):
    """E(x) of points (batch, 2), with a quadratic bowl that keeps chains near the data."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(2, 64), nn.SiLU(), nn.Linear(64, 64), nn.SiLU(), nn.Linear(64, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)[..., 0] + 0.1 * x.square().sum(-1)


def moons() -> Tensor:
    """Standardised points, (2000, 2)."""
    x = torch.as_tensor(make_moons(2000, noise=0.05, random_state=0)[0], dtype=torch.float32)
    return (x - x.mean(0)) / x.std(0)


def train(data: Tensor) -> Energy:
    """Denoising score matching on −∇E."""
    torch.manual_seed(0)
    net = Energy()
    optimiser = torch.optim.Adam(net.parameters(), 3e-3)
    for _ in range(STEPS):
        clean = data[torch.randint(len(data), (BATCH,))]
        noise = torch.randn_like(clean)
        x = (clean + SIGMA * noise).requires_grad_()
        (slope,) = torch.autograd.grad(net(x).sum(), x, create_graph=True)
        loss = (noise - SIGMA * slope).square().sum(1).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return net.eval()


def make() -> dict[str, Any]:
    """What `bench assess sampling` needs."""
    return {"energy": train(moons()), "dim": 2}
