"""CoLA: `logdet` of a matrix that is not symmetric fails by Arnoldi and `Hutch`, a way that it documents."""

from importlib.metadata import version

import cola
import torch
from cola.linalg import Arnoldi, Hutch, logdet

torch.manual_seed(0)
A = torch.eye(10, dtype=torch.float64) + 0.1 * torch.randn(10, 10, dtype=torch.float64)
print(f"cola-ml {version('cola-ml')}, torch {torch.__version__}")
print(f"right: {float(torch.logdet(A)):.4f}")
try:
    print(f"no error: {float(logdet(cola.lazify(A), log_alg=Arnoldi(), trace_alg=Hutch(key=1))):.4f}")
except RuntimeError as error:
    print(f"wrong: RuntimeError: {error}")
