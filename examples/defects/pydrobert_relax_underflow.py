"""pydrobert-pytorch: `relax` returns NaN where a probability underflows, here in float32 below 1e-45."""

from importlib.metadata import version

import torch
from pydrobert.torch.estimators import REBARControlVariate, relax, to_b, to_z

torch.manual_seed(0)
w = torch.tensor([1.0, -2.0, 0.5])
logits = torch.tensor([0.0, 0.3, -110.0])  # the third probability is 0 in float32; the gradient there is 0


def gradient(dtype: torch.dtype, n: int = 4000) -> torch.Tensor:
    theta = logits.to(dtype).expand(n, 3).clone().requires_grad_()
    z = to_z(theta, "cat")
    b = to_b(z, "cat")
    c = REBARControlVariate(lambda y: y @ w.to(dtype), "cat", warn=False).to(dtype)
    return relax(w.to(dtype)[b.long()], b, theta, z, c, "cat").detach().mean(0)


p = logits.double().softmax(-1)
print(f"pydrobert-pytorch {version('pydrobert-pytorch')}, torch {torch.__version__}")
print(f"wrong: {gradient(torch.float32).tolist()} in float32".replace(", ", " "))
print(f"right: {(p * (w - (p * w).sum())).tolist()}".replace(", ", " "))
print("in float64:", gradient(torch.float64).tolist())
