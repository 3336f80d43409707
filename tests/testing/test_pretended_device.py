"""Everything that is registered, once, on a pretended device: a forgotten `device=`, a CPU generator or a `.numpy()`
is found without an accelerator, and whatever waits for the device or copies to and from the host is in the table."""

import contextlib
import inspect
import itertools

import pytest
import torch

from estibench import Estimator, LaplacianDensity, NoisedDensity, Unsupported
from estibench import host as plugin_host
from estibench.contracts import sample_reference as judges
from estibench.contracts.samples import SampleProblem, SampleSet
from estibench.measure.device import generator
from estibench.measure.readings import judged, read, reads
from estibench.testing.pretend import DEVICE, DeviceMistakeError, pretended
from estibench.testing.subjects import resolve
from estibench_sampling import metrics

SEED = 3
FASTER = {
    name: {"steps": 2}
    for name in ("density_fit", "data_fit", "residual_density_fit", "residual_data_fit", "digits_fit", "bernoulli_fit")
}  # trainings in which a step takes long

HOST = plugin_host.start()
# Libraries of others are not installed here, and put their numbers where they like.
ESTIMATORS = sorted(entry.name for entry in HOST.estimators if not entry.target.startswith("estibench_peers."))
PROBLEMS = sorted(entry.name for entry in HOST.problems)
DENSITIES = sorted(entry.name for entry in HOST.densities)
CONFORM: set[str] = set()  # pairs that were found to

SAMPLES = "densities sample on the host, from a seed that is drawn on the device: their numbers are others there"
# Who may wait for the device, or copy between it and the host, in every estimate: how the file's name begins → why.
EXCUSED = {
    "_impl/": "torchdiffeq chooses adaptive steps on the host, and reads an error at every step",
    "estibench_discrete/bernoulli_fit.py": "a training's start is placed once for all of its steps",
    "estibench_flow/on_density.py": SAMPLES,
    "estibench_flow/implicit_steps.py": "Newton's iteration ends when its move, read at every one, is small",
    "estibench_flow/probability_flow.py": "its field takes time as a number; torchdiffeq gives it on the device",
    "estibench_flow/power_series.py": "the weights of the series, a few numbers",
    "estibench_flow/russian_roulette.py": "how many terms there are is random, and decides how many products are made",
    "estibench_trace/adaptive_hutchpp.py": "what has been drawn decides whether more products are made",
    "estibench_trace/colouring.py": "the pattern that is found decides how many products are made",
    "estibench_selftest/rare.py": "its error bar is a formula of the truth, which lies on the host",
    "estibench_flow/series.py": "a series that is cut at random ends where its longest row does",
    "estibench_flow/solver_gradient.py": "a gradient that is not finite is refused",
    "estibench_flow/solvers.py": "the two ends of the time, for torchdiffeq",
    "estibench_flow/step_sizes.py": "adaptive steps are chosen on the host, from an error that is read at every step",
    "estibench_flow/stored_steps.py": "a solver's coefficients and the time after an adaptive step: a few numbers",
    "estibench_sampling/evolution.py": SAMPLES,
    "estibench_sampling/finite_volume.py": "a sparse solver of SciPy: all of it is on the host",
    "estibench_sampling/probability_flow.py": "torchdiffeq gives times on the device; noise levels are numbers",
    "estibench_sampling/problem.py": SAMPLES,
    "estibench_score/denoising_ladder.py": "the ladder, a few numbers",
    "estibench_score/minibatches.py": SAMPLES,
    "estibench_score/ot_flow.py": "SciPy's assignment of noise to data, on the host",
    "estibench_score/sample_problem.py": SAMPLES,
    "estibench_score/runs.py": "a training's start is placed once for all of its steps",
}


def examples(kind, name):
    """Its examples, the trainings among them shortened."""
    subject = resolve(name, HOST, (kind,))[0]
    if name in FASTER:
        return [subject.build({**settings, **FASTER[name]}).instance for settings in subject.settings]
    return [example.instance for example in subject.examples]


def first_that_agree(estimators, problems):
    """An estimator and a problem, with what it gives on the CPU."""
    for problem, estimator in itertools.product(problems, estimators):
        with contextlib.suppress(Unsupported):
            return estimator, problem, estimate(estimator, problem, "cpu")[0]
    return None


def estimate(estimator, problem, device, log=None):
    """An estimate with all that is read off it, and the trips of a second one: the first makes what is kept."""
    problem = problem.at(device, "float64")
    problem.prepare()
    first = estimator.estimate(problem, generator(device, SEED))
    with torch.no_grad():
        found = first.points if isinstance(first, SampleSet) else judged(problem, estimator, first)
    assert found.device.type == device
    numbers = [found.detach()]
    if reads(problem, estimator):
        numbers.append(torch.tensor(list(read(problem, estimator, first).values())))
    if isinstance(problem, SampleProblem):
        numbers.append(judged(problem, estimator, first))
    if log is not None:
        log.clear()
        estimator.estimate(problem, generator(device, SEED))
    trips = [] if log is None else list(log.trips)
    return [one.cpu() for one in numbers], trips


def check_once(estimator, problem, expected):
    """A task's baseline on its first problem is the pair of an estimator's test and of a problem's."""
    pair = f"{estimator} {problem}"
    if pair not in CONFORM:
        check(estimator, problem, expected)
        CONFORM.add(pair)


def check(estimator, problem, expected):
    """No mistake on the device, no trip without an excuse, and the CPU's numbers where the device draws them all."""
    with pretended() as log:
        found, trips = estimate(estimator, problem, DEVICE, log)
    files = {trip.where.rpartition(":")[0] for trip in trips}
    assert sorted({f"{t.where} {t.what}: {t.operator}" for t in trips if excuse(t.where) is None}) == []
    if not any(excuse(file) == SAMPLES for file in files):
        for ours, theirs in zip(found, expected, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-8, equal_nan=True)


def excuse(where):
    return next((reason for file, reason in EXCUSED.items() if where.startswith(file)), None)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_an_estimator_stays_on_its_device(name):
    """On the first example of a problem of each of its tasks that it applies to."""
    tried = 0
    for task in HOST.estimators.get(name).tasks:
        problems = (one for entry in HOST.problems if entry.task == task for one in examples("problem", entry.name))
        found = first_that_agree(examples("estimator", name), problems)
        if found is not None:
            check_once(*found)
            tried += 1
    assert tried


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_problem_stays_on_its_device(name):
    """With all that it reads off a draw, under the baseline of its task or else the first that applies."""
    task = HOST.problems.get(name).task
    baseline = HOST.tasks.get(task).load().baseline
    able = sorted((entry.name for entry in HOST.estimators if task in entry.tasks), key=lambda one: one != baseline)
    estimators = [one for entry in able for one in examples("estimator", entry)]
    found = first_that_agree(estimators, examples("problem", name))
    assert found is not None
    check_once(*found)


@pytest.mark.parametrize("name", DENSITIES)
def test_a_density_stays_on_its_device(name):
    for density in examples("density", name):
        x = density.sample(4, torch.Generator().manual_seed(SEED))
        with pretended() as log:
            there = x.to(DEVICE)
            laws = zip(functions(density.at(DEVICE, "float64")), functions(density), strict=True)
            for ours, theirs in laws:
                first = ours(there)
                log.clear()
                assert ours(there).device.type == DEVICE
                assert log.trips == []
                torch.testing.assert_close(first.cpu(), theirs(x))


def functions(density):
    """Of points: log-density, score and, where it has them, Laplacian and the same of what noise makes of it."""
    yield from (density.log_prob, density.score)
    if isinstance(density, LaplacianDensity):
        yield density.laplacian
    if isinstance(density, NoisedDensity):
        noised = density.noised(0.3)
        yield from (noised.log_prob, noised.score)


METRICS = {
    "sorted_projections": judges.sorted_projections,
    "sliced_wasserstein": lambda x, y: judges.sliced_wasserstein(x.T.sort(1).values, y.T.sort(1).values),
    "energy_distance": lambda x, y: judges.energy_distance(
        *(judges.mean_distances(a, b, 1.0)[0] for a, b in sides(x, y))
    ),
    "mmd": lambda x, y: judges.mmd(*(judges.mean_distances(a, b, 1.0)[1] for a, b in sides(x, y))),
    "mean_distances": lambda x, y: judges.mean_distances(x, y, 1.0)[1],
    "kernel_stein_discrepancy": lambda x, y: metrics.kernel_stein_discrepancy(x, -x, 1.0),
    "mode_shares": lambda x, y: judges.mode_shares(x, y[:2]),
    "effective_sample_size": lambda x, y: metrics.effective_sample_size(torch.stack([x, y])),
    "median_distance": lambda x, y: torch.tensor(judges.median_distance(y)),  # a number on the host, made once
    "directions": lambda x, y: judges.directions(3, 2, torch.Generator().manual_seed(0)),  # on the host, made once
}


def sides(x, y):
    return (x, y), (x, x), (y, y)


def test_every_metric_is_here():
    of_laws = {"counted_modes"}  # what looks at no samples
    assert set(METRICS) | of_laws == {
        name
        for module in (metrics, judges)
        for name, one in vars(module).items()
        if inspect.isfunction(one) and one.__module__ == module.__name__
    }


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_stays_on_its_device(name):
    stream = torch.Generator().manual_seed(SEED)
    x, y = torch.randn(2, 6, 2, dtype=torch.float64, generator=stream)
    with pretended() as log:
        there = METRICS[name](x.to(DEVICE), y.to(DEVICE))
        at_home = name in ("median_distance", "directions")
        assert there.device.type == ("cpu" if at_home else DEVICE)
        assert at_home or [trip for trip in log.trips if trip.what != "from the host"] == []
        torch.testing.assert_close(there.cpu(), METRICS[name](x, y))


class Right(Estimator):
    """Gaussian noise around a target, on its device."""

    def estimate(self, problem, generator):
        noise = torch.randn(problem.target.shape, generator=generator, device=problem.device, dtype=problem.torch_dtype)
        return problem.target + noise


class ForgetsDevice(Right):
    def estimate(self, problem, generator):
        return super().estimate(problem, generator) * torch.ones(2, dtype=problem.torch_dtype)


class DrawsOnTheHost(Right):
    def estimate(self, problem, generator):
        return super().estimate(problem, torch.Generator().manual_seed(0))


class AsksNumpy(Right):
    def estimate(self, problem, generator):
        return torch.from_numpy(super().estimate(problem, generator).numpy())


class ComesHome(Right):
    def estimate(self, problem, generator):
        return super().estimate(problem, generator).cpu()


class GoesThereAndBack(Right):
    def estimate(self, problem, generator):
        return problem.place(super().estimate(problem, generator).cpu())


class ReadsANumber(Right):
    def estimate(self, problem, generator):
        found = super().estimate(problem, generator)
        return found if float(found.sum()) > 0 else found * 1


class KnowsThePlace(Right):
    def estimate(self, problem, generator):
        return super().estimate(problem, generator) + (problem.device != "cpu")


@pytest.mark.parametrize(
    ("broken", "error", "message"),
    [
        (ForgetsDevice, DeviceMistakeError, "expected all tensors on one device"),
        (DrawsOnTheHost, DeviceMistakeError, "its generator is not"),
        (AsksNumpy, TypeError, "copy it to the host first"),
        (ComesHome, AssertionError, "cpu"),
        (GoesThereAndBack, AssertionError, "from the host"),
        (ReadsANumber, AssertionError, "reads"),
        (KnowsThePlace, AssertionError, "not close"),
    ],
)
def test_a_mistake_is_found(broken, error, message):
    (problem,) = examples("problem", "constant")[:1]
    check(Right(), problem, estimate(Right(), problem, "cpu")[0])
    with pytest.raises(error, match=message):
        check(broken(), problem, estimate(broken(), problem, "cpu")[0])


def test_a_device_without_float64_refuses_it():
    with pretended(float64=False):
        assert torch.ones(2, device=DEVICE, dtype=torch.float32).sum().item() == 2
        with pytest.raises(TypeError, match=r"does not support torch\.float64"):
            torch.ones(2, device=DEVICE, dtype=torch.float64)
