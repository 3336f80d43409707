"""Storchastic: RELAX, REBAR of Bernoulli variables are biased; `conditional_gumbel_rsample` has + for − in logits."""

from importlib.metadata import version

import storch
import torch

torch.manual_seed(0)
p = torch.tensor([0.5, 0.8]).repeat(50_000, 1)
b = torch.bernoulli(p)
# z | b must have the sign of b: σ(z) ≥ ½ where b = 1. The wrong logits are log p + log1p(p) + log v + log1p(v).
again = storch.conditional_gumbel_rsample(b, p, True, torch.tensor(1.0))
print(f"storchastic {version('storchastic')}, torch {torch.__version__}")
print(f"wrong: {float(((again >= 0.5) == (b == 1)).float().mean()):.3f} of conditional samples have the sign of theirs")
print("right: 1.000")

logits, draws, t = torch.tensor([0.5]), [], 0.45
for _ in range(600):
    theta = logits.clone().requires_grad_()
    sample = storch.method.REBAR("z")(torch.distributions.Bernoulli(probs=(theta * 1).sigmoid()))
    storch.add_cost(((sample - t) ** 2).sum(-1), "f")
    storch.backward()
    draws.append(theta.grad.detach())
s = logits.sigmoid()
g = torch.stack(draws)
print(f"REBAR's gradient of E (b − {t})²: {float(g.mean()):.4f} ± {float(g.std() / len(g) ** 0.5):.4f}")
print(f"exact: {float(s * (1 - s) * (1 - 2 * t)):.4f}")
