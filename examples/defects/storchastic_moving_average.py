"""Storchastic: the moving average that REINFORCE subtracts includes the sample itself, and shrinks gradients by 5 %."""

from importlib.metadata import version

import storch
import torch

torch.manual_seed(0)
p, total, n = torch.tensor([0.9]), 0.0, 1500
baseline = storch.method.ScoreFunction("z", baseline_factory="moving_average", exponential_decay=0.5)
theta = torch.logit(p)
for _ in range(n):
    leaf = theta.clone().requires_grad_()
    sample = baseline(torch.distributions.Bernoulli(logits=leaf * 1))
    storch.add_cost(sample.sum(-1), "f")  # E f = p
    storch.backward()
    total += float(leaf.grad)
print(f"storchastic {version('storchastic')}, torch {torch.__version__}")
print(f"wrong: {total / n:.4f}, with decay 0.5; each decay d leaves d of the gradient, the default 0.95 of it")
print(f"right: {float(p * (1 - p)):.4f}")
