"""CoLA: `logdet` by Lanczos or Arnoldi returns |log det A|: where the determinant is below 1 the sign is lost."""

from importlib.metadata import version

import cola
import torch
from cola.linalg import Exact, Lanczos, logdet

torch.manual_seed(0)
U = torch.linalg.qr(torch.randn(10, 10, dtype=torch.float64)).Q
A = (U * torch.linspace(0.1, 0.9, 10, dtype=torch.float64)) @ U.T
found = logdet(cola.PSD(cola.lazify(A)), log_alg=Lanczos(), trace_alg=Exact())
print(f"cola-ml {version('cola-ml')}, torch {torch.__version__}")
print(f"wrong: {float(found):.4f}")
print(f"right: {float(torch.logdet(A)):.4f}")
