"""torchebm: `SlicedScoreMatching` of images multiplies along their last axis only: another objective."""

import torch
import torchebm
from torchebm.core import BaseModel
from torchebm.losses import SlicedScoreMatching


class Quadratic(BaseModel):  # E = ½‖x‖², of points of any shape
    def forward(self, x):
        return 0.5 * x.flatten(1).square().sum(-1)


torch.manual_seed(0)
x = torch.randn(20_000, 64, dtype=torch.float64)
loss = SlicedScoreMatching(model=Quadratic(dtype=x.dtype), dtype=x.dtype)
print(f"torchebm {torchebm.__version__}, torch {torch.__version__}")
print(f"wrong: {float(loss(x.reshape(-1, 1, 8, 8)).detach()):.2f}, of the points as images (batch, 1, 8, 8)")
print(f"right: {float(loss(x).detach()):.2f}, of the same points as vectors (batch, 64)")
