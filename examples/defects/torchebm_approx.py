"""torchebm: `ScoreMatching(hessian_method="approx")` divides the trace of the Hessian by the dimension."""

import torch
import torchebm
from torchebm.core import BaseModel
from torchebm.losses import ScoreMatching


class Quadratic(BaseModel):  # E = ½‖x‖², whose score is −x and whose trace term is −m
    def forward(self, x):
        return 0.5 * x.square().sum(-1)


torch.manual_seed(0)
x = torch.randn(100_000, 10, dtype=torch.float64)
common = {"model": Quadratic(dtype=x.dtype), "dtype": x.dtype}
norm = 0.5 * x.square().sum(-1).mean()
print(f"torchebm {torchebm.__version__}, torch {torch.__version__}")
print(f"wrong: {float((ScoreMatching(hessian_method='approx', **common)(x) - norm).detach()):.2f}")
print(f"right: {float((ScoreMatching(hessian_method='exact', **common)(x) - norm).detach()):.2f}, which is −m")
