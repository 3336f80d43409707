"""estibench measures the stochastic estimators inside generative models against exact truths.

Users call `run` and `load`; plugin authors subclass `Estimator`, `Problem` and `Density`. Names load on first use,
so that importing the package (and `bench --help`) does not import torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from estibench.assessment import Assessment as Assessment
    from estibench.assessment import assess as assess
    from estibench.contracts.adam import Adam as Adam
    from estibench.contracts.claims import Bias as Bias
    from estibench.contracts.claims import Claim as Claim
    from estibench.contracts.claims import Cost as Cost
    from estibench.contracts.claims import Deterministic as Deterministic
    from estibench.contracts.claims import ErrorBar as ErrorBar
    from estibench.contracts.claims import Exact as Exact
    from estibench.contracts.claims import Reads as Reads
    from estibench.contracts.claims import ScalesAs as ScalesAs
    from estibench.contracts.claims import Unbiased as Unbiased
    from estibench.contracts.claims import Variance as Variance
    from estibench.contracts.counting import count as count
    from estibench.contracts.counting import counting as counting
    from estibench.contracts.data_split import DataSplit as DataSplit
    from estibench.contracts.density import DataDensity as DataDensity
    from estibench.contracts.density import Density as Density
    from estibench.contracts.density import LaplacianDensity as LaplacianDensity
    from estibench.contracts.density import NoisedDensity as NoisedDensity
    from estibench.contracts.density_split import DensitySplit as DensitySplit
    from estibench.contracts.digits_split import DigitsSplit as DigitsSplit
    from estibench.contracts.estimator import ErrorBarEstimator as ErrorBarEstimator
    from estibench.contracts.estimator import Estimator as Estimator
    from estibench.contracts.fit import Fit as Fit
    from estibench.contracts.fit import FitProblem as FitProblem
    from estibench.contracts.known import Known as Known
    from estibench.contracts.on_density import OnDensity as OnDensity
    from estibench.contracts.own import Own as Own
    from estibench.contracts.own_function import OwnFunction as OwnFunction
    from estibench.contracts.own_function import OwnPoints as OwnPoints
    from estibench.contracts.own_function import finite as finite
    from estibench.contracts.own_function import flat as flat
    from estibench.contracts.own_function import float_tensor as float_tensor
    from estibench.contracts.own_function import keeps_shape as keeps_shape
    from estibench.contracts.own_function import kept_bytes as kept_bytes
    from estibench.contracts.own_function import operations as operations
    from estibench.contracts.own_function import repeats as repeats
    from estibench.contracts.parameters import NonNegativeFloat as NonNegativeFloat
    from estibench.contracts.parameters import NonNegativeInt as NonNegativeInt
    from estibench.contracts.parameters import PositiveFloat as PositiveFloat
    from estibench.contracts.parameters import PositiveInt as PositiveInt
    from estibench.contracts.placed import Placed as Placed
    from estibench.contracts.problem import Problem as Problem
    from estibench.contracts.sample_reference import SampleReference as SampleReference
    from estibench.contracts.samples import SampleProblem as SampleProblem
    from estibench.contracts.samples import SampleSet as SampleSet
    from estibench.contracts.seeded import seeded as seeded
    from estibench.contracts.task import Task as Task
    from estibench.errors import Unsupported as Unsupported
    from estibench.errors import UserError as UserError
    from estibench.exports.png import save_png as save_png
    from estibench.host.entries import DensityEntry as DensityEntry
    from estibench.host.entries import EngineEntry as EngineEntry
    from estibench.host.entries import EstimatorEntry as EstimatorEntry
    from estibench.host.entries import ExporterEntry as ExporterEntry
    from estibench.host.entries import ProblemEntry as ProblemEntry
    from estibench.host.entries import TaskEntry as TaskEntry
    from estibench.host.hookspecs import hookimpl as hookimpl
    from estibench.results import Results as Results
    from estibench.results import load as load
    from estibench.runs.rebuilt import RebuiltCell as RebuiltCell
    from estibench.runs.rebuilt import rebuild as rebuild
    from estibench.runs.session import run as run

_HOME = {
    "estibench.assessment": ("Assessment", "assess"),
    "estibench.contracts.adam": ("Adam",),
    "estibench.contracts.claims": (
        *("Bias", "Claim", "Cost", "Deterministic", "ErrorBar", "Exact", "Reads", "ScalesAs", "Unbiased", "Variance"),
    ),
    "estibench.contracts.counting": ("count", "counting"),
    "estibench.contracts.data_split": ("DataSplit",),
    "estibench.contracts.density": ("DataDensity", "Density", "LaplacianDensity", "NoisedDensity"),
    "estibench.contracts.density_split": ("DensitySplit",),
    "estibench.contracts.digits_split": ("DigitsSplit",),
    "estibench.contracts.estimator": ("ErrorBarEstimator", "Estimator"),
    "estibench.contracts.fit": ("Fit", "FitProblem"),
    "estibench.contracts.known": ("Known",),
    "estibench.contracts.on_density": ("OnDensity",),
    "estibench.contracts.own": ("Own",),
    "estibench.contracts.own_function": (
        *(
            "OwnFunction",
            "OwnPoints",
            "finite",
            "flat",
            "float_tensor",
            "keeps_shape",
            "kept_bytes",
            "operations",
            "repeats",
        ),
    ),
    "estibench.contracts.parameters": ("NonNegativeFloat", "NonNegativeInt", "PositiveFloat", "PositiveInt"),
    "estibench.contracts.placed": ("Placed",),
    "estibench.contracts.problem": ("Problem",),
    "estibench.contracts.sample_reference": ("SampleReference",),
    "estibench.contracts.samples": ("SampleProblem", "SampleSet"),
    "estibench.contracts.seeded": ("seeded",),
    "estibench.contracts.task": ("Task",),
    "estibench.host.entries": (
        "DensityEntry",
        "EngineEntry",
        "EstimatorEntry",
        "ExporterEntry",
        "ProblemEntry",
        "TaskEntry",
    ),
    "estibench.errors": ("Unsupported", "UserError"),
    "estibench.exports.png": ("save_png",),
    "estibench.host.hookspecs": ("hookimpl",),
    "estibench.runs.rebuilt": ("RebuiltCell", "rebuild"),
    "estibench.results": ("Results", "load"),
    "estibench.runs.session": ("run",),
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
