"""A categorical autoencoder on binarised 8×8 digits: which gradient through its latent variables?

The negative ELBO of one batch as a function of the latents, at the posteriors that the encoder gives; 3 variables of 8
values, so that the exact gradient is a sum over 512 states.

    bench assess discrete_gradient examples/categorical_autoencoder.py:make
"""

from __future__ import annotations

from typing import Any

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, gumbel_softmax

VARIABLES, VALUES, STEPS, BATCH = 3, 8, 150, 128


def digits() -> Tensor:
    """Pixels above half of the scale, (1797, 64)."""
    return (torch.as_tensor(load_digits().data) > 7.5).float()


def train(data: Tensor) -> tuple[nn.Module, nn.Module]:
    """Encoder and decoder, with Gumbel-softmax samples (Jang et al. 2017)."""
    torch.manual_seed(0)
    encoder = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, VARIABLES * VALUES))
    decoder = nn.Sequential(nn.Linear(VARIABLES * VALUES, 64), nn.SiLU(), nn.Linear(64, 64))
    optimiser = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], 3e-3)
    for _ in range(STEPS):
        x = data[torch.randint(len(data), (BATCH,))]
        z = gumbel_softmax(encoder(x).unflatten(1, (VARIABLES, VALUES)), tau=1.0)
        loss = binary_cross_entropy_with_logits(decoder(z.flatten(1)), x, reduction="none").sum(1).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return encoder.eval(), decoder.eval()


def make() -> dict[str, Any]:
    """What `bench assess discrete_gradient` needs."""
    data = digits()
    encoder, decoder = train(data)
    x = data[:8]
    with torch.no_grad():
        logits = encoder(x).unflatten(1, (VARIABLES, VALUES))

    def objective(z: Tensor) -> Tensor:
        """−log p(x|z) of each datum, (n, batch), z (n, batch, variables, values)."""
        found = decoder(z.flatten(-2))
        return binary_cross_entropy_with_logits(found, x.expand_as(found).to(found), reduction="none").sum(-1)

    return {"logits": logits, "objective": objective}
