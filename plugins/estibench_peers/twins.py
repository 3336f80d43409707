"""The built-in estimator beside which a peer is put: the same method with the same budget."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Twin = tuple[str, Mapping[str, Any]]  # a registered name, and parameters; all others are the twin's defaults

NOISES = {"rademacher": "rademacher", "normal": "gaussian", "gaussian": "gaussian"}


def _hutchinson(probes: int, noise: str = "rademacher") -> Twin:
    return "hutchinson", {"probes": probes, "noise": NOISES[noise]}


def _budget(name: str, matvecs: int) -> Twin:
    return name, {"matvecs": matvecs}


def _denoising(sigma: float, controlled: bool = False) -> Twin:
    return "denoising", {"sigma": sigma, "reduction": "control_variate" if controlled else "none"}


def _series(probes: int) -> Twin:
    """A log-determinant whose error is that of its probes too, and spends 20 products on each, as theirs do at most."""
    return "power_series", {"terms": 20, "trace": "rademacher", "probes": probes}


# By the peer's registered name: its parameters → its twin. Without an entry a peer has none, and no ratios.
TWINS: dict[str, Callable[[Mapping[str, Any]], Twin]] = {
    "azula_denoising": lambda p: _denoising(p["sigma"]),
    "backpack_diag_ggn_mc": lambda p: _hutchinson(p["mc_samples"]),
    "backpack_diag_hessian": lambda p: ("exact", {}),
    "cola_hutch": lambda p: _hutchinson(p["bs"], p["rand"]),
    "cola_logdet": lambda p: ("slogdet", {}) if p["log_alg"] == "auto" else _series(16),
    "curvlinops_hutchinson": lambda p: _hutchinson(p["num_matvecs"], p["distribution"]),
    "curvlinops_hutchpp": lambda p: _budget("hutchpp", p["num_matvecs"]),
    "curvlinops_xtrace": lambda p: _budget("xtrace", p["num_matvecs"]),
    "hessian_eigenthings_trace": lambda p: (
        _hutchinson(p["num_matvecs"], p["distribution"])
        if p["method"] == "hutchinson"
        else _budget("hutchpp", p["num_matvecs"])
    ),
    "imate_logdet": lambda p: _series(p["max_num_samples"]),
    "imate_trace": lambda p: _hutchinson(p["max_num_samples"]),
    "linear_operator_logdet": lambda p: ("slogdet", {}) if p["max_cholesky_size"] else _series(p["num_trace_samples"]),
    "pyhessian_trace": lambda p: _hutchinson(p["maxIter"]),
    "sbi_denoising": lambda p: _denoising(p["sigma"], bool(p["control_variate"])),
    "score_models_denoising": lambda p: _denoising(p["sigma"]),
    "score_models_divergence": lambda p: _hutchinson(p["n_cotangent_vectors"], p["noise_type"]),
    "score_models_sliced": lambda p: ("sliced", {"slices": p["n_cotangent_vectors"], "noise": p["noise_type"]}),
    "skerch_hutch": lambda p: _hutchinson(p["num_meas"]),
    "skerch_xhutchpp": lambda p: _budget("xtrace", 2 * p["x_dims"] + p["gh_meas"]),
    "torch_logdet": lambda p: ("slogdet", {}),
    "torchebm_denoising": lambda p: _denoising(p["noise_scale"]),
    "torchebm_score_matching": lambda p: ("implicit", {}),
    "torchebm_sliced": lambda p: (
        "sliced",
        {"slices": p["n_projections"], "noise": p["projection_type"], "variance_reduced": False},
    ),
}
