"""Trace and divergence: matrices and vector fields with known traces, and the estimators of a trace.

What an author of an estimator or a problem of the tasks `trace` and `divergence` needs is imported from here, and
loads on first use. Everything else may change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from estibench_trace.contract import DivergenceProblem as DivergenceProblem
    from estibench_trace.contract import MatrixProblem as MatrixProblem
    from estibench_trace.contract import Split as Split
    from estibench_trace.contract import Sums as Sums
    from estibench_trace.contract import TraceProblem as TraceProblem
    from estibench_trace.linear_maps import LinearMap as LinearMap
    from estibench_trace.linear_maps import as_operator as as_operator
    from estibench_trace.operators import Field as Field
    from estibench_trace.operators import Operator as Operator

_HOME = {
    "estibench_trace.contract": ("DivergenceProblem", "MatrixProblem", "Split", "Sums", "TraceProblem"),
    "estibench_trace.linear_maps": ("LinearMap", "as_operator"),
    "estibench_trace.operators": ("Field", "Operator"),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = [  # noqa: PLE0604 - the table above is the one list of public names
    *_MODULE_OF
]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _MODULE_OF:
        raise AttributeError(f"module 'estibench_trace' has no attribute {name!r}")
    return getattr(import_module(_MODULE_OF[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
