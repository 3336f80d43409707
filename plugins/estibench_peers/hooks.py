"""What this plugin registers. Light: names and import strings."""

from __future__ import annotations

from estibench import EstimatorEntry, hookimpl

TRACE = ("trace",)
GRADIENTS = ("discrete_gradient", "discrete_fit")
CODEBOOKS = ("discrete_gradient",)


@hookimpl
def bench_estimators() -> list[EstimatorEntry]:
    return [*trace(), *discrete(), *flow()]


def trace() -> list[EstimatorEntry]:
    here = "estibench_peers.curvlinops"
    return [
        EstimatorEntry("curvlinops_hutchinson", f"{here}:CurvlinopsHutchinson", "curvlinops.hutchinson_trace", TRACE),
        EstimatorEntry("curvlinops_hutchpp", f"{here}:CurvlinopsHutchpp", "curvlinops.hutchpp_trace", TRACE),
        EstimatorEntry("curvlinops_xtrace", f"{here}:CurvlinopsXTrace", "curvlinops.xtrace", TRACE),
    ]


def discrete() -> list[EstimatorEntry]:
    def entry(name: str, target: str, summary: str, tasks: tuple[str, ...] = GRADIENTS) -> EstimatorEntry:
        return EstimatorEntry(name, f"estibench_peers.{target}", summary, tasks)

    return [
        entry("torch_gumbel_softmax", "pytorch:TorchGumbelSoftmax", "torch.nn.functional.gumbel_softmax"),
        entry("torch_relaxed_categorical", "pytorch:TorchRelaxedCategorical", "torch RelaxedOneHotCategorical.rsample"),
        entry("torch_straight_through", "pytorch:TorchStraightThrough", "torch OneHotCategoricalStraightThrough"),
        entry("torch_score_function", "pytorch:TorchScoreFunction", "torch.distributions: log_prob times reward"),
        entry("microsoft_reinmax", "microsoft_reinmax:ReinMaxLibrary", "reinmax.reinmax"),
        entry("pydrobert_reinforce", "pydrobert:PydrobertReinforce", "pydrobert.torch.estimators.reinforce"),
        entry("pydrobert_rebar", "pydrobert:PydrobertRebar", "pydrobert.torch.estimators.REBARControlVariate"),
        entry("pydrobert_relax", "pydrobert:PydrobertRelax", "pydrobert.torch.estimators.relax"),
        entry("pyro_trace_elbo", "pyro_svi:PyroTraceElbo", "pyro.infer.Trace_ELBO"),
        entry("pyro_tracegraph_elbo", "pyro_svi:PyroTraceGraphElbo", "pyro.infer.TraceGraph_ELBO"),
        entry("pyro_traceenum_elbo", "pyro_svi:PyroTraceEnumElbo", "pyro.infer.TraceEnum_ELBO"),
        entry("storch_score_function", "storchastic:StorchScoreFunction", "storch.method.ScoreFunction"),
        entry("storch_expect", "storchastic:StorchExpect", "storch.method.Expect"),
        entry("storch_unordered_set", "storchastic:StorchUnorderedSet", "storch.method.UnorderedSetEstimator"),
        entry("storch_wor", "storchastic:StorchWithoutReplacement", "storch.method.ScoreFunctionWOR"),
        entry("storch_rebar", "storchastic:StorchRebar", "storch.method.REBAR"),
        entry("storch_relax", "storchastic:StorchRelax", "storch.method.RELAX"),
        entry("storch_arm", "storchastic:StorchArm", "storch.method.ARM"),
        entry("vqpytorch_straight_through", "vector_quantize:VQPytorchStraightThrough", "VectorQuantize", CODEBOOKS),
        entry(
            "vqpytorch_rotation_trick", "vector_quantize:VQPytorchRotationTrick", "VectorQuantize, rotated", CODEBOOKS
        ),
    ]


def flow() -> list[EstimatorEntry]:
    def entry(name: str, target: str, task: str, summary: str) -> EstimatorEntry:
        return EstimatorEntry(name, f"estibench_peers.{target}", summary, (task,))

    ode, density, det = "ode_gradient", "log_density", "log_det"
    return [
        entry("torchdiffeq_odeint", "torchdiffeq_odeint:TorchdiffeqOdeint", ode, "torchdiffeq.odeint, its defaults"),
        entry("torchdiffeq_adjoint", "torchdiffeq_odeint:TorchdiffeqAdjoint", ode, "torchdiffeq.odeint_adjoint"),
        entry("zuko_odeint", "zuko_odes:ZukoOdeint", ode, "zuko.utils.odeint"),
        entry("torchode_adjoint", "torchode_adjoints:TorchodeAdjoint", ode, "torchode's three adjoints"),
        entry("torchdyn_neural_ode", "torchdyn_odes:TorchdynNeuralODE", ode, "torchdyn.core.NeuralODE"),
        entry("zuko_free_form", "zuko_odes:ZukoFreeForm", density, "zuko FreeFormJacobianTransform"),
        entry("torchdyn_cnf", "torchdyn_odes:TorchdynCNF", density, "torchdyn.models.CNF"),
        entry(
            *("flow_matching_likelihood", "meta_flow_matching:FlowMatchingLikelihood", density),
            "flow_matching ODESolver.compute_likelihood",
        ),
        entry("normflows_residual", "normflows_residual:NormflowsResidual", det, "normflows.flows.Residual"),
    ]
