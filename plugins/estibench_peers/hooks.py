"""What this plugin registers. Light: names and import strings. A name begins with that of its library."""

from __future__ import annotations

from estibench import EstimatorEntry, hookimpl

MATRICES = ("trace", "divergence")  # of a field at a single point: these libraries take one matrix
LOSSES = ("score_gradient", "score_fit")

# name, module and class, what is called, tasks
TABLE = [
    ("backpack_diag_ggn_mc", "backpack:BackpackDiagGGNMC", "sum of backpack's DiagGGNMC", ("trace",)),
    ("backpack_diag_hessian", "backpack:BackpackDiagHessian", "sum of backpack's DiagHessian", ("trace",)),
    ("cola_hutch", "cola:ColaHutch", "cola.linalg.trace with Hutch", MATRICES),
    ("curvlinops_hutchinson", "curvlinops:CurvlinopsHutchinson", "curvlinops.hutchinson_trace", MATRICES),
    ("curvlinops_hutchpp", "curvlinops:CurvlinopsHutchpp", "curvlinops.hutchpp_trace", MATRICES),
    ("curvlinops_xtrace", "curvlinops:CurvlinopsXTrace", "curvlinops.xtrace", MATRICES),
    (
        "hessian_eigenthings_trace",
        "hessian_eigenthings:HessianEigenthingsTrace",
        "hessian_eigenthings.trace",
        MATRICES,
    ),
    ("imate_trace", "imate:ImateTrace", "imate.trace by Lanczos quadrature", MATRICES),
    ("pyhessian_trace", "pyhessian:PyHessianTrace", "pyhessian.hessian(…).trace", MATRICES),
    ("skerch_hutch", "skerch:SkerchHutch", "skerch.algorithms.hutch", MATRICES),
    ("skerch_xhutchpp", "skerch:SkerchXHutchpp", "skerch.algorithms.xhutchpp", MATRICES),
    ("cola_logdet", "cola:ColaLogdet", "cola.linalg.logdet", ("log_det",)),
    ("imate_logdet", "imate:ImateLogdet", "imate.logdet by Lanczos quadrature", ("log_det",)),
    ("linear_operator_logdet", "linear_operator:LinearOperatorLogdet", "linear_operator's logdet", ("log_det",)),
    ("torch_logdet", "torch_linalg:TorchLogdet", "torch.logdet", ("log_det",)),
    ("azula_denoising", "azula:AzulaDenoising", "loss of azula's denoisers", LOSSES),
    ("sbi_denoising", "sbi:SbiDenoising", "loss of sbi's VEScoreEstimator", LOSSES),
    ("score_models_denoising", "score_models:ScoreModelsDenoising", "loss of score_models.ScoreModel", LOSSES),
    ("score_models_sliced", "score_models:ScoreModelsSliced", "score_models' sliced_score_matching_loss", LOSSES),
    (
        "score_models_divergence",
        "score_models:ScoreModelsDivergence",
        "score_models.ScoreModel.divergence",
        ("divergence",),
    ),
    ("torchebm_score_matching", "torchebm:TorchEBMScoreMatching", "torchebm.losses.ScoreMatching", LOSSES),
    ("torchebm_sliced", "torchebm:TorchEBMSliced", "torchebm.losses.SlicedScoreMatching", LOSSES),
    ("torchebm_denoising", "torchebm:TorchEBMDenoising", "torchebm.losses.DenoisingScoreMatching", LOSSES),
]


@hookimpl
def bench_estimators() -> list[EstimatorEntry]:
    return [EstimatorEntry(name, f"estibench_peers.{target}", summary, tasks) for name, target, summary, tasks in TABLE]
