"""PyHessian: `trace` of a Hessian with a negative trace ends after two of maxIter samples, whatever the tolerance."""

import warnings
from importlib.metadata import version

import torch
from pyhessian import hessian

warnings.simplefilter("ignore")  # torch, of backward(create_graph=True)
torch.manual_seed(0)
B = torch.randn(50, 50)
data = (torch.zeros(1), torch.zeros(1))


def samples(A):
    model = torch.nn.Bilinear(50, 50, 1, bias=False)  # any module; the loss below is ½ wᵀA w of its first row
    loss = lambda _, __: 0.5 * model.weight[0, 0] @ A @ model.weight[0, 0]  # noqa: E731
    model.forward = lambda x: x
    return len(hessian(model, loss, data=data, cuda=False).trace(maxIter=100, tol=0))


A = B + B.T + 2 * torch.eye(50)
print(f"PyHessian {version('PyHessian')}, torch {torch.__version__}")
print(f"wrong: {samples(-A)} samples of −A, at maxIter=100 and tol=0")
print(f"right: {samples(A)} samples, as of A")
