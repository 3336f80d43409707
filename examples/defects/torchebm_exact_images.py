"""torchebm: `ScoreMatching` (exact), "(batch_size, *data_dims)", hands images to the model as flat vectors."""

import torch
import torchebm
from torchebm.core import BaseModel
from torchebm.losses import ScoreMatching


class Network(BaseModel):
    def __init__(self):
        super().__init__()
        self.convolution = torch.nn.Conv2d(1, 1, 3)

    def forward(self, x):
        return self.convolution(x).flatten(1).square().sum(-1)


model, x = Network(), torch.randn(16, 1, 8, 8)
print(f"torchebm {torchebm.__version__}, torch {torch.__version__}")
print(f"right: an energy for each image, {tuple(model(x).shape)}, so that there is a loss")
try:
    print(f"no error: {float(ScoreMatching(model=model)(x)):.2f}")
except RuntimeError as error:
    print(f"wrong: RuntimeError: {str(error)[:90]}")
