"""Flows and neural ODEs: gradients through solvers, log-densities of flows, log-determinants of residual blocks.

What an author of an estimator or a problem of the tasks `ode_gradient`, `log_density`, `log_det`, `cnf_fit` and
`residual_fit` needs is imported from here, and loads on first use. Everything else may change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from estibench_flow.block import Block as Block
    from estibench_flow.block import Residual as Residual
    from estibench_flow.capabilities import HasLogDensity as HasLogDensity
    from estibench_flow.capabilities import HasLogDet as HasLogDet
    from estibench_flow.capabilities import HasNoiselessTwin as HasNoiselessTwin
    from estibench_flow.capabilities import HasOwnSolver as HasOwnSolver
    from estibench_flow.field import CountedField as CountedField
    from estibench_flow.field import Dynamics as Dynamics
    from estibench_flow.fit_problem import FlowFit as FlowFit
    from estibench_flow.flow import Flow as Flow
    from estibench_flow.flow_problem import FlowProblem as FlowProblem
    from estibench_flow.likelihood_fit import LikelihoodFit as LikelihoodFit
    from estibench_flow.modules import ModuleDynamics as ModuleDynamics
    from estibench_flow.ode_problem import OdeProblem as OdeProblem
    from estibench_flow.ode_problem import joined as joined
    from estibench_flow.pullback import Pullback as Pullback
    from estibench_flow.residual_fit import ResidualFit as ResidualFit
    from estibench_flow.residual_problem import ResidualProblem as ResidualProblem

_HOME = {
    "estibench_flow.block": ("Block", "Residual"),
    "estibench_flow.capabilities": ("HasLogDensity", "HasLogDet", "HasNoiselessTwin", "HasOwnSolver"),
    "estibench_flow.field": ("CountedField", "Dynamics"),
    "estibench_flow.fit_problem": ("FlowFit",),
    "estibench_flow.flow": ("Flow",),
    "estibench_flow.flow_problem": ("FlowProblem",),
    "estibench_flow.likelihood_fit": ("LikelihoodFit",),
    "estibench_flow.modules": ("ModuleDynamics",),
    "estibench_flow.ode_problem": ("OdeProblem", "joined"),
    "estibench_flow.pullback": ("Pullback",),
    "estibench_flow.residual_fit": ("ResidualFit",),
    "estibench_flow.residual_problem": ("ResidualProblem",),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = [  # noqa: PLE0604 - the table above is the one list of public names
    *_MODULE_OF
]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _MODULE_OF:
        raise AttributeError(f"module 'estibench_flow' has no attribute {name!r}")
    return getattr(import_module(_MODULE_OF[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
