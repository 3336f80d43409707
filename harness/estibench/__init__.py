"""estibench measures the stochastic estimators inside generative models against exact truths.

Users call `run` and `load`; plugin authors subclass `Estimator`, `Problem` and `Density`. Names load on first use,
so that importing the package (and `bench --help`) does not import torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from estibench.contracts.claims import Claim, Cost, Exact, Unbiased, Variance
    from estibench.contracts.counting import count, counting
    from estibench.contracts.density import Density, LaplacianDensity
    from estibench.contracts.estimator import ErrorBarEstimator, Estimator
    from estibench.contracts.parameters import NonNegativeInt, PositiveFloat, PositiveInt
    from estibench.contracts.placed import Placed
    from estibench.contracts.problem import Problem
    from estibench.contracts.task import Task
    from estibench.entries import (
        DensityEntry,
        EngineEntry,
        EstimatorEntry,
        ExporterEntry,
        ProblemEntry,
        TaskEntry,
    )
    from estibench.errors import Unsupported, UserError
    from estibench.hookspecs import hookimpl
    from estibench.results import Results, load
    from estibench.session import run

_HOME = {
    "estibench.contracts.claims": ("Claim", "Cost", "Exact", "Unbiased", "Variance"),
    "estibench.contracts.counting": ("count", "counting"),
    "estibench.contracts.density": ("Density", "LaplacianDensity"),
    "estibench.contracts.estimator": ("ErrorBarEstimator", "Estimator"),
    "estibench.contracts.parameters": ("NonNegativeInt", "PositiveFloat", "PositiveInt"),
    "estibench.contracts.placed": ("Placed",),
    "estibench.contracts.problem": ("Problem",),
    "estibench.contracts.task": ("Task",),
    "estibench.entries": (
        "DensityEntry",
        "EngineEntry",
        "EstimatorEntry",
        "ExporterEntry",
        "ProblemEntry",
        "TaskEntry",
    ),
    "estibench.errors": ("Unsupported", "UserError"),
    "estibench.hookspecs": ("hookimpl",),
    "estibench.results": ("Results", "load"),
    "estibench.session": ("run",),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = [  # noqa: PLE0604 - the table above is the one list of public names
    *_MODULE_OF
]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _MODULE_OF:
        raise AttributeError(f"module 'estibench' has no attribute {name!r}")
    return getattr(import_module(_MODULE_OF[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
