"""What the plugin registers. It runs for every command, `bench --help` included: import nothing heavy here."""

from __future__ import annotations

from estibench import DensityEntry, EstimatorEntry, hookimpl


@hookimpl
def bench_estimators() -> list[EstimatorEntry]:
    return [
        EstimatorEntry(
            name="unit_vector",
            target="estibench_example.unit_vector:UnitVector",
            summary="m times the mean of random diagonal entries",
            tasks=("trace", "divergence"),
        ),
        EstimatorEntry(
            name="two_slices",
            target="estibench_example.two_slices:TwoSlices",
            summary="sliced score matching with two orthogonal directions",
            tasks=("score_gradient", "score_fit"),
        ),
        EstimatorEntry(
            name="swapped_pair",
            target="estibench_example.swapped_pair:SwappedPair",
            summary="the covariance of f and z, from two samples",
            tasks=("discrete_gradient", "discrete_fit"),
        ),
        EstimatorEntry(
            name="random_walk",
            target="estibench_example.random_walk:RandomWalk",
            summary="random-walk Metropolis, as a pair (init, step)",
            tasks=("sampling",),
        ),
        EstimatorEntry(
            name="ralston",
            target="estibench_example.ralston:Ralston",
            summary="backpropagation through Ralston's solver",
            tasks=("ode_gradient",),
        ),
    ]


@hookimpl
def bench_densities() -> list[DensityEntry]:
    return [
        DensityEntry("two_wells", "estibench_example.two_wells:TwoWells", "two wells in every coordinate, by energy")
    ]
