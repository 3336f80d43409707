"""score-models: `divergence` with several cotangent vectors returns one number for each of them, not for each point."""

from importlib.metadata import version

import torch
from score_models import ScoreModel

model = ScoreModel(torch.nn.Identity(), sde="ve", sigma_min=1.0, sigma_max=1.0, device=torch.device("cpu"))
x, t = torch.randn(3, 10), torch.zeros(3)
found = model.divergence(lambda t, x: -x, t, x, n_cotangent_vectors=5)
print(f"score-models {version('score-models')}, torch {torch.__version__}")
print(f"wrong: {tuple(found.shape)}, 5 for each of 3 points")
print("right: (3,), their mean at each point; log_likelihood adds them to a log-density of 3 points")
