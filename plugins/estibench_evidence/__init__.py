"""Evidence: the normaliser of a density, and gradients of its lower bounds.

What an author of an estimator or a problem of this plugin's tasks needs is imported from here, and loads on first use.
Everything else may change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from estibench_evidence.bound import Bound as Bound
    from estibench_evidence.bound import require_elbo as require_elbo
    from estibench_evidence.elbo_gradient import ElboEstimator as ElboEstimator
    from estibench_evidence.elbo_gradient import ElboGradientProblem as ElboGradientProblem
    from estibench_evidence.elbo_gradient import ElboProblem as ElboProblem
    from estibench_evidence.elbo_gradient import is_gradient as is_gradient
    from estibench_evidence.log_normalizer import LogNormalizerProblem as LogNormalizerProblem
    from estibench_evidence.normal_path import NormalPath as NormalPath
    from estibench_evidence.quadratic import Quadratic as Quadratic
    from estibench_evidence.vae_fit import VAEFit as VAEFit

_HOME = {
    "estibench_evidence.bound": ("Bound", "require_elbo"),
    "estibench_evidence.elbo_gradient": ("ElboEstimator", "ElboGradientProblem", "ElboProblem", "is_gradient"),
    "estibench_evidence.log_normalizer": ("LogNormalizerProblem",),
    "estibench_evidence.normal_path": ("NormalPath",),
    "estibench_evidence.quadratic": ("Quadratic",),
    "estibench_evidence.vae_fit": ("VAEFit",),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = [  # noqa: PLE0604 - the table above is the one list of public names
    *_MODULE_OF
]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _MODULE_OF:
        raise AttributeError(f"module 'estibench_evidence' has no attribute {name!r}")
    return getattr(import_module(_MODULE_OF[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
