"""Samplers of densities, metrics of their samples, and the density of a diffusion in time.

What an author of a sampler, of an estimator of p(x, t) or of a problem needs is imported from here; names load on first
use, so that the package stays light.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from estibench_sampling.contract import LinearSampler as LinearSampler
    from estibench_sampling.contract import MetropolisSampler as MetropolisSampler
    from estibench_sampling.contract import Sampler as Sampler
    from estibench_sampling.contract import constant as constant
    from estibench_sampling.evolution import EvolutionProblem as EvolutionProblem
    from estibench_sampling.kernel_sampler import Kernel as Kernel
    from estibench_sampling.kernel_sampler import KernelSampler as KernelSampler
    from estibench_sampling.normal_laws import Affine as Affine
    from estibench_sampling.normal_laws import Law as Law
    from estibench_sampling.normal_laws import Modes as Modes
    from estibench_sampling.normal_laws import affine as affine
    from estibench_sampling.normal_laws import independent as independent
    from estibench_sampling.problem import Sampling as Sampling
    from estibench_sampling.target import Score as Score
    from estibench_sampling.target import Target as Target

_HOME = {
    "estibench_sampling.contract": ("LinearSampler", "MetropolisSampler", "Sampler", "constant"),
    "estibench_sampling.evolution": ("EvolutionProblem",),
    "estibench_sampling.kernel_sampler": ("Kernel", "KernelSampler"),
    "estibench_sampling.normal_laws": ("Affine", "Law", "Modes", "affine", "independent"),
    "estibench_sampling.problem": ("Sampling",),
    "estibench_sampling.target": ("Score", "Target"),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = [  # noqa: PLE0604 - the table above is the one list of public names
    *_MODULE_OF
]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _MODULE_OF:
        raise AttributeError(f"module 'estibench_sampling' has no attribute {name!r}")
    return getattr(import_module(_MODULE_OF[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
