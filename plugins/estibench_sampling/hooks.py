"""What this plugin registers. Light: names and import strings."""

from __future__ import annotations

from estibench import EstimatorEntry, ExporterEntry, ProblemEntry, TaskEntry, hookimpl

SAMPLING = ("sampling",)
EVOLUTION = ("density_evolution",)


@hookimpl
def bench_tasks() -> list[TaskEntry]:
    return [
        TaskEntry("sampling", "estibench_sampling.tasks:SAMPLING", "samples of a density from its score"),
        TaskEntry(
            "density_evolution",
            "estibench_sampling.tasks:DENSITY_EVOLUTION",
            "the density of a diffusion at points and times (Fokker–Planck)",
        ),
    ]


@hookimpl
def bench_problems() -> list[ProblemEntry]:
    return [
        ProblemEntry(
            "sampling", "estibench_sampling.problem:Sampling", "a density, sampled by many chains at once", "sampling"
        ),
        ProblemEntry(
            "ornstein_uhlenbeck",
            "estibench_sampling.ornstein_uhlenbeck:OrnsteinUhlenbeck",
            "linear drift: normal at all times",
            "density_evolution",
        ),
        ProblemEntry(
            "noising",
            "estibench_sampling.noising:Noising",
            "a density on its way to noise: variance preserving",
            "density_evolution",
        ),
        ProblemEntry(
            "langevin_evolution",
            "estibench_sampling.langevin_evolution:LangevinEvolution",
            "Langevin's equation in its invariant law: nothing moves",
            "density_evolution",
        ),
    ]


@hookimpl
def bench_estimators() -> list[EstimatorEntry]:
    return [
        EstimatorEntry("exact_sampler", "estibench_sampling.exact:ExactSampler", "the density's own sampler", SAMPLING),
        EstimatorEntry("ula", "estibench_sampling.ula:ULA", "unadjusted Langevin", SAMPLING),
        EstimatorEntry("mala", "estibench_sampling.mala:MALA", "Metropolis-adjusted Langevin", SAMPLING),
        EstimatorEntry("hmc", "estibench_sampling.hmc:HMC", "Hamiltonian Monte Carlo", SAMPLING),
        EstimatorEntry(
            "parallel_tempering",
            "estibench_sampling.parallel_tempering:ParallelTempering",
            "replicas at rising temperatures that swap, even and odd pairs in turn",
            SAMPLING,
        ),
        EstimatorEntry(
            "leimkuhler_matthews",
            "estibench_sampling.leimkuhler_matthews:LeimkuhlerMatthews",
            "ULA with every noise used twice",
            SAMPLING,
        ),
        EstimatorEntry(
            "underdamped", "estibench_sampling.underdamped:Underdamped", "kinetic Langevin by BAOAB", SAMPLING
        ),
        EstimatorEntry("sgld", "estibench_sampling.sgld:SGLD", "ULA with minibatches of a posterior's data", SAMPLING),
        EstimatorEntry(
            "annealed_langevin",
            "estibench_sampling.annealed_langevin:AnnealedLangevin",
            "Langevin down a ladder of noise levels",
            SAMPLING,
        ),
        EstimatorEntry(
            "reverse_sde", "estibench_sampling.reverse_sde:ReverseSDE", "a diffusion run backwards: VE or VP", SAMPLING
        ),
        EstimatorEntry(
            "predictor_corrector",
            "estibench_sampling.predictor_corrector:PredictorCorrector",
            "reversed diffusion and Langevin steps in turn",
            SAMPLING,
        ),
        EstimatorEntry(
            "ddim", "estibench_sampling.ddim:DDIM", "Euler on the probability flow; ancestral DDPM for eta 1", SAMPLING
        ),
        EstimatorEntry(
            "edm_heun", "estibench_sampling.edm_heun:EDMHeun", "Heun on the probability flow, order 2", SAMPLING
        ),
        EstimatorEntry(
            "dpm_solver",
            "estibench_sampling.dpm_solver:DPMSolver",
            "DPM-Solver++(2M): order 2 for one evaluation a step",
            SAMPLING,
        ),
        EstimatorEntry(
            "gradient_ascent",
            "estibench_sampling.gradient_ascent:GradientAscent",
            "Langevin without noise: collapses to modes",
            SAMPLING,
        ),
        EstimatorEntry(
            "euler_maruyama_kde",
            "estibench_sampling.euler_maruyama:EulerMaruyamaKDE",
            "particles and a kernel density estimate",
            EVOLUTION,
        ),
        EstimatorEntry(
            "conditional_monte_carlo",
            "estibench_sampling.conditional_monte_carlo:ConditionalMonteCarlo",
            "particles, their last step averaged by formula",
            EVOLUTION,
        ),
        EstimatorEntry(
            "feynman_kac",
            "estibench_sampling.feynman_kac:FeynmanKac",
            "weighted paths back from each point",
            EVOLUTION,
        ),
        EstimatorEntry(
            "probability_flow",
            "estibench_sampling.probability_flow:ProbabilityFlow",
            "the ODE with the same densities, exact score and trace",
            EVOLUTION,
        ),
        EstimatorEntry(
            "finite_volume",
            "estibench_sampling.finite_volume:FiniteVolume",
            "a grid in one or two dimensions",
            EVOLUTION,
        ),
    ]


@hookimpl
def bench_exporters() -> list[ExporterEntry]:
    return [
        ExporterEntry(
            "effective_samples",
            "estibench_sampling.ess_table:export",
            "tables/ess.*: effective samples per evaluation and per second",
            "export",
        ),
        ExporterEntry(
            "sample_pictures",
            "estibench_sampling.pictures:export_samples",
            "plots/samples_*.png: samples against contours of 2-D densities",
            "export",
        ),
        ExporterEntry(
            "evolution_pictures",
            "estibench_sampling.pictures:export_evolutions",
            "plots/evolution_*.png: p(x, t) in time, exact and estimated",
            "export",
        ),
    ]
