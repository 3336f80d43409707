"""Storchastic: gradients of ScoreFunctionWOR, the estimator without replacement, are 0 by default, and wrong else."""

from importlib.metadata import version

import storch
import torch

torch.manual_seed(0)
theta0, w = torch.tensor([[0.5, -0.3, 0.2]]), torch.tensor([1.0, -2.0, 0.5])
p = theta0.softmax(-1)


def mean(biased: bool, n: int = 500) -> torch.Tensor:
    """Of n gradients of E w·z, z one-hot of 3 values, from k = 2 samples without replacement each."""
    total = torch.zeros(3)
    for _ in range(n):
        theta = theta0.clone().requires_grad_()
        distribution = torch.distributions.OneHotCategorical(probs=(theta * 1).softmax(-1))
        sample = storch.method.ScoreFunctionWOR("z", k=2, biased=biased)(distribution)
        storch.add_cost((sample * w).sum(-1), "f")
        storch.backward()
        total += theta.grad[0]
    return total / n


print(f"storchastic {version('storchastic')}, torch {torch.__version__}")
print(f"wrong: {float(mean(biased=False)[0]):.3f}, the first component with biased=False")
print(f"right: {float((p * (w - (p * w).sum(-1)))[0, 0]):.3f}")
print("with biased=True, the default:", mean(biased=True).tolist())
