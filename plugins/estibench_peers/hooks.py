"""What this plugin registers. Light: names and import strings. A name begins with that of its library."""

from __future__ import annotations

from estibench import EstimatorEntry, hookimpl

MATRICES = ("trace", "divergence")  # of a field at a single point: these libraries take one matrix
LOSSES = ("score_gradient", "score_fit")
GRADIENTS = ("discrete_gradient", "discrete_fit")
CODEBOOKS = ("discrete_gradient",)
ODES = ("ode_gradient",)
FLOWS = ("log_density",)
SAMPLING = ("sampling",)

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
    ("microsoft_reinmax", "microsoft_reinmax:ReinMaxLibrary", "reinmax.reinmax", GRADIENTS),
    ("pydrobert_reinforce", "pydrobert:PydrobertReinforce", "pydrobert.torch.estimators.reinforce", GRADIENTS),
    ("pydrobert_rebar", "pydrobert:PydrobertRebar", "pydrobert's relax with REBARControlVariate", GRADIENTS),
    ("pydrobert_relax", "pydrobert:PydrobertRelax", "pydrobert.torch.estimators.relax", GRADIENTS),
    ("pyro_trace_elbo", "pyro_svi:PyroTraceElbo", "pyro.infer.Trace_ELBO", GRADIENTS),
    ("pyro_tracegraph_elbo", "pyro_svi:PyroTraceGraphElbo", "pyro.infer.TraceGraph_ELBO", GRADIENTS),
    ("pyro_traceenum_elbo", "pyro_svi:PyroTraceEnumElbo", "pyro.infer.TraceEnum_ELBO", GRADIENTS),
    ("storch_arm", "storchastic:StorchArm", "storch.method.ARM", GRADIENTS),
    ("storch_expect", "storchastic:StorchExpect", "storch.method.Expect", GRADIENTS),
    ("storch_rebar", "storchastic:StorchRebar", "storch.method.REBAR", GRADIENTS),
    ("storch_relax", "storchastic:StorchRelax", "storch.method.RELAX", GRADIENTS),
    ("storch_score_function", "storchastic:StorchScoreFunction", "storch.method.ScoreFunction", GRADIENTS),
    ("storch_unordered_set", "storchastic:StorchUnorderedSet", "storch.method.UnorderedSetEstimator", GRADIENTS),
    ("storch_wor", "storchastic:StorchWithoutReplacement", "storch.method.ScoreFunctionWOR", GRADIENTS),
    ("torch_gumbel_softmax", "pytorch:TorchGumbelSoftmax", "torch.nn.functional.gumbel_softmax", GRADIENTS),
    ("torch_relaxed_categorical", "pytorch:TorchRelaxedCategorical", "torch's RelaxedOneHotCategorical", GRADIENTS),
    ("torch_score_function", "pytorch:TorchScoreFunction", "torch.distributions' log_prob · reward", GRADIENTS),
    ("torch_straight_through", "pytorch:TorchStraightThrough", "OneHotCategoricalStraightThrough", GRADIENTS),
    ("vqpytorch_rotation_trick", "vector_quantize:VQPytorchRotationTrick", "VectorQuantize", CODEBOOKS),
    (
        "vqpytorch_straight_through",
        "vector_quantize:VQPytorchStraightThrough",
        "VectorQuantize without rotation_trick",
        CODEBOOKS,
    ),
    ("torchdiffeq_odeint", "torchdiffeq_odeint:TorchdiffeqOdeint", "torchdiffeq.odeint", ODES),
    ("torchdiffeq_adjoint", "torchdiffeq_odeint:TorchdiffeqAdjoint", "torchdiffeq.odeint_adjoint", ODES),
    ("torchdyn_neural_ode", "torchdyn_odes:TorchdynNeuralODE", "torchdyn.core.NeuralODE", ODES),
    ("torchode_adjoint", "torchode_adjoints:TorchodeAdjoint", "torchode's three adjoints", ODES),
    ("zuko_odeint", "zuko_odes:ZukoOdeint", "zuko.utils.odeint", ODES),
    (
        "flow_matching_likelihood",
        "meta_flow_matching:FlowMatchingLikelihood",
        "flow_matching's ODESolver.compute_likelihood",
        FLOWS,
    ),
    ("torchdyn_cnf", "torchdyn_odes:TorchdynCNF", "torchdyn.models.CNF", FLOWS),
    ("zuko_free_form", "zuko_odes:ZukoFreeForm", "zuko.transforms.FreeFormJacobianTransform", FLOWS),
    ("normflows_residual", "normflows_residual:NormflowsResidual", "normflows.flows.Residual", ("log_det",)),
    ("posteriors_baoa", "posteriors_sgmcmc:PosteriorsBAOA", "posteriors.sgmcmc.baoa", SAMPLING),
    ("posteriors_sghmc", "posteriors_sgmcmc:PosteriorsSGHMC", "posteriors.sgmcmc.sghmc", SAMPLING),
    ("posteriors_sgld", "posteriors_sgmcmc:PosteriorsSGLD", "posteriors.sgmcmc.sgld", SAMPLING),
    ("torchebm_hmc", "torchebm_samplers:TorchebmHMC", "torchebm.samplers.HamiltonianMonteCarlo", SAMPLING),
    ("torchebm_langevin", "torchebm_samplers:TorchebmLangevin", "torchebm.samplers.LangevinDynamics", SAMPLING),
    ("torchsde_sdeint", "torchsde_sdeint:TorchsdeSdeint", "torchsde.sdeint", SAMPLING),
]


@hookimpl
def bench_estimators() -> list[EstimatorEntry]:
    return [EstimatorEntry(name, f"estibench_peers.{target}", summary, tasks) for name, target, summary, tasks in TABLE]
