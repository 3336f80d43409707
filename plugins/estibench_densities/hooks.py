"""What this plugin registers. Light: the families, and torch with them, load when they are used."""

from __future__ import annotations

from estibench import DensityEntry, hookimpl


@hookimpl
def bench_densities() -> list[DensityEntry]:
    return [
        DensityEntry("banana", "estibench_densities.banana:Banana", "2-D Gaussian bent along a parabola"),
        DensityEntry("double_well", "estibench_densities.double_well:DoubleWell", "two wells, other axes Gaussian"),
        DensityEntry(
            "exponential", "estibench_densities.exponential:Exponential", "data with a boundary: x > 0, rate λ"
        ),
        DensityEntry("funnel", "estibench_densities.funnel:Funnel", "Neal's funnel: scales differ by orders"),
        DensityEntry("gaussian", "estibench_densities.gaussian:Gaussian", "normal, five kinds of covariance"),
        DensityEntry(
            "gaussian_mixture",
            "estibench_densities.gaussian_mixture:GaussianMixture",
            "two modes, a ring of 8, a grid of 25 or 40 random modes",
        ),
        DensityEntry("ica", "estibench_densities.ica:ICA", "linear mixture of independent sech sources"),
        DensityEntry(
            "kernel_density",
            "estibench_densities.kernel_density:KernelDensity",
            "real data (digits, wine, …), a Gaussian around every point",
        ),
        DensityEntry("laplace", "estibench_densities.laplace:Laplace", "product Laplace: the non-smooth control"),
        DensityEntry(
            "linear_posterior",
            "estibench_densities.linear_posterior:LinearPosterior",
            "Bayesian linear regression on real data: an exact Gaussian",
        ),
        DensityEntry(
            "logistic_posterior",
            "estibench_densities.logistic_posterior:LogisticPosterior",
            "Bayesian logistic regression on real data, unnormalised",
        ),
        DensityEntry("many_well", "estibench_densities.many_well:ManyWell", "product of 2-D double wells"),
        DensityEntry("phi4", "estibench_densities.phi4:Phi4", "lattice φ⁴ theory on a ring, unnormalised"),
        DensityEntry(
            "quartic",
            "estibench_densities.quartic:Quartic",
            "quadratic plus quartic energy, log-concave or not",
        ),
        DensityEntry("rings", "estibench_densities.rings:Rings", "2-D concentric rings"),
        DensityEntry(
            "rosenbrock",
            "estibench_densities.rosenbrock:Rosenbrock",
            "hybrid Rosenbrock: curved narrow valleys",
        ),
        DensityEntry("student_t", "estibench_densities.student_t:StudentT", "multivariate t: heavy tails"),
    ]
