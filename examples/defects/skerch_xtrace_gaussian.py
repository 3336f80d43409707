"""skerch: `xhutchpp` with Gaussian noise is biased: the residual's probes are normalised along the wrong axis."""

import warnings
from importlib.metadata import version

import torch
from skerch.algorithms import xhutchpp

warnings.simplefilter("ignore")  # "Non-unitnorm noise can be unstable": but the mean is off, too
A = torch.eye(64, dtype=torch.float64)
draws = [
    xhutchpp(A, "cpu", A.dtype, x_dims=6, seed=100 * i, noise_type="gaussian", return_diag=False)["tr"]
    for i in range(1000)
]
found = torch.stack(draws)
print(f"skerch {version('skerch')}, torch {torch.__version__}")
print(f"wrong: {float(found.mean()):.2f}, standard error {float(found.std()) / 1000**0.5:.2f}")
print(f"right: {float(A.trace()):.2f}")
