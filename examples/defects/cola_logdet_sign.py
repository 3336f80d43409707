"""CoLA: `logdet` by Lanczos and probes returns |log det A|: where the determinant is below 1 its sign is lost."""

from importlib.metadata import version

import cola
import torch
from cola.linalg import Hutch, Lanczos, logdet

A = torch.diag(torch.linspace(0.1, 0.9, 10, dtype=torch.float64))
U = torch.linalg.qr(torch.randn(10, 10, dtype=torch.float64)).Q
A = U @ A @ U.T
found = logdet(cola.PSD(cola.lazify(A)), log_alg=Lanczos(), trace_alg=Hutch(max_iters=5, key=1))
print(f"cola-ml {version('cola-ml')}, torch {torch.__version__}")
print(f"wrong: {float(found):.2f}")
print(f"right: {float(torch.logdet(A)):.2f}")
