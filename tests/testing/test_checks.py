"""Every check passes what is right and catches what it is there for: a zoo with one wrong one, at least, for each.

Statistical checks run at levels of 1e-6 (1e-4 for claims) with fixed seeds.
"""

import re

import pytest

from estibench.errors import UserError
from estibench.testing import Effort
from estibench.testing.kit import check_names, trials

EFFORT = Effort(draws=256)

CAUGHT = [
    ("WrongShape", "registered", "no entry has the target"),
    ("NotDecorated", "parameters_are_fields", "not decorated itself"),
    ("Derived", "parameters_are_fields", "init=False"),
    ("NeedsMore", "constructs_from_examples", "needs extra"),
    ("LoosePath", "parameters_survive_yaml", "'fast' is refused from YAML"),
    ("Silent", "documented", "no docstring"),
    ("HalfSilent", "documented", "'budget'"),
    ("NoSource", "cites_source", "citation = ''"),
    ("MisspeltColumn", "claims_name_columns", "did you mean 'estimator_probes'?"),
    ("Raises", "applies_somewhere", "not positive definite"),
    ("WrongShape", "returns_an_estimate", r"shape \(1, 3\)"),
    ("NotATensor", "returns_an_estimate", "returns a list"),
    ("NotFinite", "returns_an_estimate", "not finite in 1 of 3"),
    ("Raises", "returns_an_estimate", "raises RuntimeError"),
    ("AlwaysDouble", "every_dtype", "in float32, estimate has dtype torch.float64"),
    ("DoubleOnly", "every_dtype", "in float32, estimate raises RuntimeError"),
    ("WrongDraws", "draws_have_their_shape", r"draws of 1 has shape \(3, 1\)"),
    ("NegativeError", "error_bar_is_sane", "standard errors from -0.5"),
    ("OtherEstimate", "same_estimate_with_and_without_error", "from the same seed they differ"),
    ("HiddenState", "same_seed_same_estimate", "a third time"),
    ("GlobalTorch", "uses_no_global_generator", "changes with the global seeds"),
    ("GlobalNumpy", "uses_no_global_generator", "changes with the global seeds"),
    ("GlobalPython", "leaves_globals_alone", "Python's random"),
    ("SetsThreads", "leaves_globals_alone", "torch's threads"),
    ("SetsEnvironment", "leaves_globals_alone", "the environment"),
    ("ChangesProblem", "leaves_the_problem_alone", "the problem's target"),
    ("Reseeds", "keeps_the_generator", "seeds the generator"),
    ("OwnGenerator", "draws_vary", "four seeds give one estimate"),
    ("DrawsTooWide", "paths_agree", "their scale differs"),
    ("DrawsShifted", "paths_agree", "their location differs"),
    ("DrawsShare", "draws_are_independent", "by draws, 16 groups"),
    ("DrawsMirrored", "draws_are_independent", "by draws, 16 groups"),
    ("FalseBias", "claims", "unbiased: measured"),
    ("FalseVariance", "claims", "variance = 1/k: measured"),
    ("BrokenFormula", "claims_are_sane", "no attribute 'spectrum'"),
    ("CountsNothing", "counts_its_work", "spent nothing"),
    ("CountsOnce", "counts_its_work", "then"),
    ("NarrowTruth", "truth_is_exact_data", "torch.float32 tensor"),
    ("InfiniteTruth", "truth_is_exact_data", "3 of 3 components"),
    ("NoTruthSource", "truth_is_exact_data", "truth_source = ''"),
    ("RandomTruth", "truth_repeats", "differs by"),
    ("TruthByDtype", "same_truth_everywhere", "in float32 on cpu the truth moves"),
    ("Eager", "data_are_lazy", "data exists"),
    ("NoMagnitude", "magnitude_is_sane", "magnitude 0"),
    ("WrongAxis", "axis_fits_the_truth", "an axis 'step' of 1 values"),
    ("WrongScore", "score_is_the_gradient", "the gradient of log_prob"),
    ("WrongPair", "score_is_the_gradient", "log_prob_and_score has another score"),
    ("WrongLaplacian", "laplacian_is_the_trace", "the trace of the score's Jacobian"),
    ("MixesPoints", "shapes_follow_the_batch", "log_prob of points"),
    ("Branches", "shapes_follow_the_batch", "score under torch.func.vmap"),
    ("NarrowSamples", "samples_are_placed", "torch.float32"),
    ("GlobalSamples", "samples_are_placed", "global generator of torch"),
    ("WideSamples", "samples_follow_the_score", "different laws"),
    ("WideSamples", "samples_follow_the_density", "do not fall as log_prob says"),
    ("NotNormalised", "samples_follow_the_density", "lie in a box of probability"),
    ("WrongMoments", "moments_fit_the_samples", r"covariance_matrix\[\d\]"),
    ("WrongModes", "modes_are_maxima", "higher right beside a mode"),
    ("WrongNoise", "noised_is_the_convolution", "different laws"),
    ("DoubleDensity", "same_density_everywhere", "in float32, score is torch.float64"),
    ("EagerDensity", "data_are_lazy", "data exists"),
]
# A GPU, and what compares registered names: `test_registered.py` has the wrong ones.
ELSEWHERE = {"works_on_accelerator", "readings_are_sane", "oracles_count", "exact_estimators_agree"}


def outcomes(thing, zoo, zoo_host, only=None):
    cls = getattr(zoo, thing) if isinstance(thing, str) else thing
    found = trials([cls], "mean", effort=EFFORT, host=zoo_host)
    return [trial.outcome() for trial in found if only is None or trial.name == only]


@pytest.mark.parametrize(("animal", "check", "message"), CAUGHT)
def test_each_wrong_one_is_caught_by_its_check(zoo, zoo_host, animal, check, message):
    (found,) = outcomes(animal, zoo, zoo_host, check)
    assert found.status == "failed", found
    assert re.search(message, found.detail), found.detail
    for part in ("found: ", "\nexpected: ", "\nwhat to do: "):
        assert part in found.detail


def test_every_check_has_a_wrong_one():
    assert {check for _, check, _ in CAUGHT} | ELSEWHERE == set(check_names())


@pytest.mark.parametrize("animal", ["Good", "Plain", "Mean"])
def test_what_is_right_passes(zoo, zoo_host, animal):
    found = outcomes(animal, zoo, zoo_host)
    assert [one for one in found if one.is_bad] == []
    assert sum(one.status == "passed" for one in found) >= 10


def test_what_a_library_draws_as_it_loads_is_no_trace_of_a_problem(zoo, zoo_host):
    (found,) = outcomes("LoadsLate", zoo, zoo_host, "truth_repeats")
    assert found.status == "passed", found


def test_a_right_density_passes(zoo, zoo_host):
    """It is registered nowhere, which is known."""
    expected = {"registered": "lives in the zoo"}
    found = [trial.outcome() for trial in trials([zoo.Normal], expected_failures=expected, host=zoo_host)]
    assert [one for one in found if one.is_bad] == []
    assert [one.check for one in found if one.status == "expected failure"] == ["registered"]
    assert sum(one.status == "passed" for one in found) == len(found) - 1


def test_an_expected_failure_needs_a_check_and_a_reason(zoo, zoo_host):
    with pytest.raises(UserError, match="no check is called 'claim'; did you mean 'claims'"):
        list(trials([zoo.Good], "mean", {"claim": "why"}, host=zoo_host))
    with pytest.raises(UserError, match="needs a reason"):
        list(trials([zoo.Good], "mean", {"claims": " "}, host=zoo_host))
