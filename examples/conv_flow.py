"""A convolutional flow on 8×8 digits: which trace of its Jacobian?

Flow matching (Lipman et al. 2023) trains a small U-shaped network in seconds; its divergence at the data is what a
log-likelihood needs at every step of a solver.

    bench assess divergence examples/conv_flow.py:make --target 0.05
"""

from __future__ import annotations

from typing import Any

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

STEPS, BATCH, CHANNELS = 150, 128, 16
TIME = 0.5  # at which the field is assessed


class Velocity(nn.Module):
    """v(t, x), x (batch, 1, 8, 8); the time is a second channel."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(2, CHANNELS, 3, padding=1),
            nn.GroupNorm(4, CHANNELS),
            nn.SiLU(),
            nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(CHANNELS, 1, 3, padding=1),
        )

    def forward(self, t: Tensor, x: Tensor) -> Tensor:
        time = t.reshape(-1, 1, 1, 1).expand(len(x), 1, *x.shape[2:]).to(x)
        return self.layers(torch.cat([x, time], 1))


def digits() -> Tensor:
    """Pixels from −1 to 1, (1797, 1, 8, 8)."""
    return torch.as_tensor(load_digits().images, dtype=torch.float32)[:, None] / 8 - 1


def train(data: Tensor) -> Velocity:
    """Regression on x₁ − x₀ at x_t = (1 − t) x₀ + t x₁."""
    torch.manual_seed(0)
    net = Velocity()
    optimiser = torch.optim.Adam(net.parameters(), 3e-3)
    for _ in range(STEPS):
        x1 = data[torch.randint(len(data), (BATCH,))]
        x0, t = torch.randn_like(x1), torch.rand(BATCH)
        x = x0 + t.reshape(-1, 1, 1, 1) * (x1 - x0)
        loss = (net(t, x) - (x1 - x0)).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return net.eval()


def make() -> dict[str, Any]:
    """What `bench assess divergence` needs."""
    data = digits()
    net = train(data)
    return {"field": lambda x: net(torch.tensor(TIME), x), "points": data[:8]}
