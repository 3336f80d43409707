"""What this plugin registers. Light: names and import strings."""

from __future__ import annotations

from estibench import EstimatorEntry, ProblemEntry, TaskEntry, hookimpl

FLOWS = ("log_density", "cnf_fit")
BLOCKS = ("log_det", "residual_fit")


@hookimpl
def bench_tasks() -> list[TaskEntry]:
    return [
        TaskEntry("ode_gradient", "estibench_flow.tasks:ODE_GRADIENT", "gradient of a loss through an ODE solver"),
        TaskEntry("log_density", "estibench_flow.tasks:LOG_DENSITY", "log-density of points under a flow"),
        TaskEntry("log_det", "estibench_flow.tasks:LOG_DET", "log-determinant of a residual block"),
        TaskEntry("cnf_fit", "estibench_flow.tasks:CNF_FIT", "held-out likelihood along the training of a flow"),
        TaskEntry(
            "residual_fit", "estibench_flow.tasks:RESIDUAL_FIT", "held-out likelihood along that of a residual flow"
        ),
    ]


@hookimpl
def bench_problems() -> list[ProblemEntry]:
    return [
        ProblemEntry("linear_ode", "estibench_flow.linear_ode:LinearOde", "z' = Az: closed form", "ode_gradient"),
        ProblemEntry("mlp_ode", "estibench_flow.mlp_ode:MlpOde", "a neural ODE, float64 reference", "ode_gradient"),
        ProblemEntry(
            "cubic_ode", "estibench_flow.cubic_ode:CubicOde", "z' = λ(θz − z³): breaks the adjoint", "ode_gradient"
        ),
        ProblemEntry(
            "linear_flow", "estibench_flow.linear_flow:LinearFlow", "z' = a(t) A z: closed form", "log_density"
        ),
        ProblemEntry("planar_flow", "estibench_flow.planar_flow:PlanarFlow", "planar CNF: closed form", "log_density"),
        ProblemEntry("radial_flow", "estibench_flow.radial_flow:RadialFlow", "radial CNF: closed form", "log_density"),
        ProblemEntry(
            "mlp_flow", "estibench_flow.mlp_flow:MlpFlow", "a network's CNF, float64 reference", "log_density"
        ),
        ProblemEntry(
            "probability_flow",
            "estibench_flow.probability_flow:ProbabilityFlow",
            "ODE of a diffusion, VP or VE, from data with a known density",
            "log_density",
        ),
        ProblemEntry(
            "residual_block",
            "estibench_flow.residual_block:ResidualBlock",
            "linear or network block with a Lipschitz bound",
            "log_det",
        ),
        ProblemEntry("density_fit", "estibench_flow.density_fit:DensityFit", "a CNF trained on a density", "cnf_fit"),
        ProblemEntry("data_fit", "estibench_flow.data_fit:DataFit", "a CNF trained on real data", "cnf_fit"),
        ProblemEntry(
            "residual_density_fit",
            "estibench_flow.residual_fits:ResidualDensityFit",
            "a residual flow trained on a density",
            "residual_fit",
        ),
        ProblemEntry(
            "residual_data_fit",
            "estibench_flow.residual_fits:ResidualDataFit",
            "a residual flow trained on real data",
            "residual_fit",
        ),
    ]


@hookimpl
def bench_estimators() -> list[EstimatorEntry]:
    return [
        EstimatorEntry(
            "solver_gradient",
            "estibench_flow.solver_gradient:SolverGradient",
            "solver × backprop, checkpoint, adjoint, reversible or implicit",
            ("ode_gradient",),
        ),
        EstimatorEntry("cnf", "estibench_flow.cnf:Cnf", "solver × exact or Hutchinson trace (FFJORD)", FLOWS),
        EstimatorEntry(
            "discrete_flow",
            "estibench_flow.discrete_flow:DiscreteFlow",
            "residual blocks with exact log-determinants",
            FLOWS,
        ),
        EstimatorEntry("slogdet", "estibench_flow.slogdet:Slogdet", "whole Jacobian and LU, O(m³)", BLOCKS),
        EstimatorEntry(
            "power_series",
            "estibench_flow.power_series:PowerSeries",
            "truncated series, exact or Hutchinson traces",
            BLOCKS,
        ),
        EstimatorEntry(
            "russian_roulette",
            "estibench_flow.russian_roulette:RussianRoulette",
            "series of random length: unbiased",
            BLOCKS,
        ),
        EstimatorEntry(
            "lanczos_quadrature",
            "estibench_flow.lanczos_quadrature:LanczosQuadrature",
            "stochastic Lanczos quadrature of the logarithm",
            ("log_det",),
        ),
    ]
