"""Densities with closed-form scores and Laplacians.

A density subclasses `estibench.Density` and its kin; what makes some of them short is imported from here, and loads on
first use. Everything else may change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from estibench_densities.energy import Energy as Energy
    from estibench_densities.energy import EnergyDensity as EnergyDensity
    from estibench_densities.isotropic_mixture import IsotropicMixture as IsotropicMixture
    from estibench_densities.tabulated import Table as Table
    from estibench_densities.tabulated import tabulate as tabulate

_HOME = {
    "estibench_densities.energy": ("Energy", "EnergyDensity"),
    "estibench_densities.isotropic_mixture": ("IsotropicMixture",),
    "estibench_densities.tabulated": ("Table", "tabulate"),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = [  # noqa: PLE0604 - the table above is the one list of public names
    *_MODULE_OF
]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _MODULE_OF:
        raise AttributeError(f"module 'estibench_densities' has no attribute {name!r}")
    return getattr(import_module(_MODULE_OF[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
