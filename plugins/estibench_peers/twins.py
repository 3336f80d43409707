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


def _reinforce(samples: int, baseline: str = "none") -> Twin:
    of = {"batch_average": "leave_one_out"}.get(baseline, baseline)
    return "reinforce", {"samples": samples, "baseline": of}


def _ode(tolerance: float, gradient: str = "backprop") -> Twin:
    """The tolerance is the relative one."""
    return "solver_gradient", {"solver": "dopri5", "tolerance": tolerance, "gradient": gradient}


def _cnf(solver: str, exact: bool, noise: str, **budget: float) -> Twin:
    trace = {"trace": "exact"} if exact else {"trace": noise, "probes": 1}
    return "cnf", {"solver": solver, **trace, **budget}


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
    "flow_matching_likelihood": lambda p: _cnf("euler", p["exact_divergence"], "rademacher", steps=p["steps"]),
    "microsoft_reinmax": lambda p: ("reinmax", {"samples": p["samples"]}),
    "normflows_residual": lambda p: (
        ("power_series", {"terms": p["n_power_series"], "trace": "gaussian", "probes": 1})
        if p["n_power_series"] == p["n_power_series"] and p["n_power_series"]  # NaN is none
        else ("russian_roulette", {"probes": 1, "noise": "gaussian"})
    ),
    "posteriors_baoa": lambda p: (
        "underdamped",
        {"steps": p["steps"], "step_size": p["lr"], "friction": p["alpha"]},
    ),
    "posteriors_sgld": lambda p: ("ula", {"steps": p["steps"], "step_size": p["lr"]}),
    "pydrobert_rebar": lambda p: ("rebar", {"samples": p["samples"]}),
    "pydrobert_reinforce": lambda p: _reinforce(p["samples"]),
    "pydrobert_relax": lambda p: ("relax", {"samples": p["samples"]}),
    "pyro_trace_elbo": lambda p: _reinforce(p["num_particles"]),
    "pyro_traceenum_elbo": lambda p: ("enumeration", {}),
    "pyro_tracegraph_elbo": lambda p: _reinforce(p["num_particles"]),
    "storch_arm": lambda p: ("arm", {"samples": p["n_samples"]}),
    "storch_expect": lambda p: ("enumeration", {}),
    "storch_rebar": lambda p: ("rebar", {"samples": p["n_samples"]}),
    "storch_relax": lambda p: ("relax", {"samples": p["n_samples"]}),
    "storch_score_function": lambda p: _reinforce(p["n_samples"], p["baseline"]),
    "torch_gumbel_softmax": lambda p: (
        "gumbel_softmax",
        {"tau": p["tau"], "hard": bool(p["hard"]), "samples": p["samples"]},
    ),
    "torch_relaxed_categorical": lambda p: ("gumbel_softmax", {"tau": p["temperature"], "samples": p["samples"]}),
    "torch_score_function": lambda p: _reinforce(p["samples"]),
    "torch_straight_through": lambda p: ("straight_through", {"samples": p["samples"]}),
    "torchdiffeq_adjoint": lambda p: _ode(p["rtol"], "adjoint"),
    "torchdiffeq_odeint": lambda p: _ode(p["rtol"]),
    "torchdyn_cnf": lambda p: _cnf("dopri5", p["trace"] == "autograd", "gaussian", tolerance=p["tolerance"] or 1e-3),
    "torchdyn_neural_ode": lambda p: _ode(
        p["tolerance"] or 1e-3, "backprop" if p["sensitivity"] == "autograd" else "adjoint"
    ),
    "torchebm_hmc": lambda p: (
        "hmc",
        {"steps": p["steps"], "step_size": p["step_size"], "leapfrogs": p["n_leapfrog_steps"]},
    ),
    "torchebm_langevin": lambda p: ("ula", {"steps": p["steps"], "step_size": p["step_size"]}),
    "torchode_adjoint": lambda p: _ode(p["rtol"], "backprop" if p["adjoint"] == "autodiff" else "adjoint"),
    "torchsde_sdeint": lambda p: ("ula", {"steps": p["steps"], "step_size": p["dt"]}),
    "vqpytorch_rotation_trick": lambda p: ("rotation_trick", {"assignment": "nearest"}),
    "vqpytorch_straight_through": lambda p: ("vq_straight_through", {"assignment": "nearest"}),
    "zuko_free_form": lambda p: _cnf("dopri5", p["exact"], "gaussian", tolerance=p["rtol"]),
    "zuko_odeint": lambda p: _ode(p["rtol"], "checkpoint"),
}
