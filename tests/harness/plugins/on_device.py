"""A plugin whose estimators stay on their device, and one that needs more of it than there is."""

from dataclasses import dataclass

import torch

from estibench import Estimator, EstimatorEntry, Exact, hookimpl


@hookimpl
def bench_estimators():
    return [
        EstimatorEntry(cls.__name__.lower(), f"{__name__}:{cls.__name__}", cls.__doc__, ("synthetic",)) for cls in ALL
    ]


@dataclass(frozen=True)
class There(Estimator):
    """The target and normal noise."""

    def estimate(self, problem, generator):
        target = problem.target
        return target + torch.randn(target.shape, generator=generator, device=target.device, dtype=target.dtype)


@dataclass(frozen=True)
class Large(There):
    """Fills the device, and asks for more."""

    def estimate(self, problem, generator):
        held = super().estimate(problem, generator).expand(1000, -1).clone()
        raise torch.OutOfMemoryError(f"tried to allocate more than there is beside {held.shape[0]}")


@dataclass(frozen=True)
class Huge(There):
    """Asks for 64 TiB."""

    def estimate(self, problem, generator):
        return torch.empty(2**46, dtype=torch.uint8, device=problem.device)


@dataclass(frozen=True)
class LargeLater(There):
    """As `Large`, while it is timed."""

    def draws(self, problem, n, generator):
        CALLS["timed"] = True
        return torch.stack([super(LargeLater, self).estimate(problem, generator) for _ in range(n)])

    def estimate(self, problem, generator):
        if CALLS["timed"]:
            return Large().estimate(problem, generator)
        return super().estimate(problem, generator)


@dataclass(frozen=True)
class Precise(There):
    """Adds up in double precision."""

    def estimate(self, problem, generator):
        return super().estimate(problem, generator).double().to(problem.torch_dtype)


@dataclass(frozen=True)
class Product(Estimator):
    """The target, as products in tf32 would round it where they are allowed."""

    claims = (Exact(),)

    def estimate(self, problem, generator):
        return problem.target * (1 + 2**-12 * torch.backends.cuda.matmul.allow_tf32)


@dataclass(frozen=True)
class Tf32Always(Product):
    """As `Product`, whether they are allowed or not."""

    def estimate(self, problem, generator):
        return problem.target * (1 + 2**-12)


CALLS = {"timed": False}
ALL = (There, Large, Huge, LargeLater, Precise, Product, Tf32Always)
