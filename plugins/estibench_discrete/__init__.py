"""Gradients through categorical variables, training with them, vector quantisation, and samplers.

What an author of a gradient estimator, a quantiser, a categorical sampler or a problem needs is imported from here;
names load on first use, so that the package stays light.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from estibench_discrete.categorical_law import CategoricalLaw as CategoricalLaw
    from estibench_discrete.contract import DiscreteEstimator as DiscreteEstimator
    from estibench_discrete.contract import DiscreteProblem as DiscreteProblem
    from estibench_discrete.contract import GradientProblem as GradientProblem
    from estibench_discrete.contract import Memoryless as Memoryless
    from estibench_discrete.contract import Objective as Objective
    from estibench_discrete.contract import State as State
    from estibench_discrete.contract import has_degree as has_degree
    from estibench_discrete.contract import is_gradient as is_gradient
    from estibench_discrete.contract import is_plain as is_plain
    from estibench_discrete.contract import is_summed as is_summed
    from estibench_discrete.distribution import sample as sample
    from estibench_discrete.fit import DiscreteFit as DiscreteFit
    from estibench_discrete.fit import Step as Step
    from estibench_discrete.lookup import Lookup as Lookup
    from estibench_discrete.quantisation import Quantisation as Quantisation
    from estibench_discrete.samplers import CategoricalSampler as CategoricalSampler
    from estibench_discrete.vector_quantiser import KnownQuantiser as KnownQuantiser
    from estibench_discrete.vector_quantiser import VectorQuantiser as VectorQuantiser
    from estibench_discrete.vq import VQ as VQ
    from estibench_discrete.vq_fit import VQFit as VQFit

_HOME = {
    "estibench_discrete.categorical_law": ("CategoricalLaw",),
    "estibench_discrete.contract": (
        "DiscreteEstimator",
        "DiscreteProblem",
        "GradientProblem",
        "Memoryless",
        "Objective",
        "State",
        "has_degree",
        "is_gradient",
        "is_plain",
        "is_summed",
    ),
    "estibench_discrete.distribution": ("sample",),
    "estibench_discrete.fit": ("DiscreteFit", "Step"),
    "estibench_discrete.lookup": ("Lookup",),
    "estibench_discrete.quantisation": ("Quantisation",),
    "estibench_discrete.samplers": ("CategoricalSampler",),
    "estibench_discrete.vector_quantiser": ("KnownQuantiser", "VectorQuantiser"),
    "estibench_discrete.vq": ("VQ",),
    "estibench_discrete.vq_fit": ("VQFit",),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = [  # noqa: PLE0604 - the table above is the one list of public names
    *_MODULE_OF
]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _MODULE_OF:
        raise AttributeError(f"module 'estibench_discrete' has no attribute {name!r}")
    return getattr(import_module(_MODULE_OF[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
