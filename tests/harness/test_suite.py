"""Suites: grids expand into blocks and cells, and every mistake is one line with its place."""

import pytest

from estibench.errors import UserError
from estibench.suite import read_suite
from estibench.suite.lookup import find_suite, known_suites

SMALL = """
name: small
problems:
  - name: matrix
    dim: [8, 16]
    spectrum: [flat, exp]
estimators:
  - exact
  - name: hutchinson
    probes: [1, 4]
"""


def read(host, suite_file, text, **options):
    return read_suite(suite_file(text), host, **options)


def complaints(host, suite_file, text):
    with pytest.raises(UserError) as caught:
        read(host, suite_file, text)
    path = str(suite_file(text))
    lines = str(caught.value).splitlines()
    assert all(line.startswith(path + ":") for line in lines)
    return [line.removeprefix(path + ":") for line in lines]


def test_grids_expand_into_blocks_and_cells(host, suite_file):
    plan = read(host, suite_file, SMALL + "dtypes: [float32, float64]\n")
    assert len(plan.blocks) == 2 * 2 * 2
    assert plan.cells == 8 * 3
    block = plan.blocks[0]
    assert block.problem.label == "matrix(dim=8, spectrum=flat)"
    assert [estimator.label for estimator in block.estimators] == [
        "exact",
        "hutchinson(probes=1)",
        "hutchinson(probes=4)",
    ]
    assert [estimator.family for estimator in block.estimators] == ["exact", "hutchinson", "hutchinson"]
    assert block.estimators[block.baseline].name == "hutchinson", "the task's baseline"
    assert len({cell.identity for one in plan.blocks for cell in one.cells}) == plan.cells


def test_every_mistake_of_a_file_at_once(host, suite_file):
    text = """\
name: bad name
precision: 2
drows: {min: 4}
draws: {min: 500, max: 100, mox: 3}
problems:
  - name: matrx
  - name: matrix
    dim: [8, -1, ten]
    spectrum: flatt
  - dim: 8
  - {name: score_jacobian, density: {name: gausian}}
  - {name: score_jacobian, density: {name: gaussian, covarance: full}}
  - {name: score_jacobian, density: {name: banana}, dim: 7}
  - name: score_jacobian
  - {name: matrix, spectrum: flat, rate: 0.5}
estimators:
  - name: hutchinson
    prbes: 10
  - name: xtrace
    matvecs: 7
  - name: hutchinson
    probes: []
baseline: exct
"""
    expected = [
        ("1:1", "name", "should match pattern"),
        ("2:1", "precision", "less than 1"),
        ("3:1", "drows", "unknown key; did you mean 'draws'?"),
        ("4:29", "draws.mox", "unknown key; did you mean 'max'?"),
        ("6:5", "problems[0].name", "unknown problem 'matrx'; did you mean 'matrix'?"),
        ("8:14", "problems[1].dim[1]", "greater than or equal to 1, got -1"),
        ("8:18", "problems[1].dim[2]", "integer, got 'ten'"),
        ("9:5", "problems[1].spectrum", "'flat', 'poly'"),
        ("10:5", "problems[2]", "expected the name of a known problem, or a mapping with its name"),
        ("11:28", "problems[3].density", "unknown density 'gausian'; did you mean 'gaussian'?"),
        ("12:54", "problems[4].density.covarance", "unknown key; did you mean 'covariance'?"),
        ("13:28", "problems[5].density", "dim"),
        ("14:5", "problems[6]", "score_jacobian needs density"),
        ("15:5", "problems[7]", "the flat spectrum has no rate"),
        ("18:5", "estimators[0].prbes", "unknown key; did you mean 'probes'?"),
        ("19:5", "estimators[1]", "matvecs must be even, got 7"),
        ("22:5", "estimators[2].probes", "an empty grid: give at least one value"),
    ]
    found = complaints(host, suite_file, text)
    for place, path, message in expected:
        line = next((line for line in found if line.startswith(f"{place}: {path}: ")), None)
        assert line, f"nothing at {place}: {path} in\n" + "\n".join(found)
        assert message in line
    assert len(found) == len(expected)
    assert found == sorted(found, key=lambda line: tuple(map(int, line.split(": ")[0].split(":"))))


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ("baseline: exct", "9:1: baseline: no estimator of this suite fits; did you mean 'exact'?"),
        ("baseline: {name: hutchinson, probes: 5}", "9:1: baseline: no estimator of this suite fits"),
        ("draws: {min: 500, max: 100}", "9:9: draws.min: min 500 is larger than max 100"),
        ("draws: {max: -3}", "9:9: draws.max: input should be greater than or equal to 2, got -3"),
        ("devices: [gpu]", "9:11: devices[0]: expected cpu, cuda, mps or xpu, and cuda:N for one of several, got"),
        ("devices: cuda", "9:1: devices: expected auto or a list; write [cuda]"),
        ("devices: [cpu, cpu]", "9:16: devices[1]: cpu is given twice"),
        ("dtypes: [float32, float32]", "9:19: dtypes[1]: float32 is given twice"),
        ("threads: 100000000000", "9:1: threads: input should be less than or equal to 1024"),
        ("title: !!bool abc", "9:1: title: 'abc' is not a valid bool"),
        ("seed: !!int abc", "9:1: seed: 'abc' is not a valid int"),
        ("confidence: 0.99999999", "9:1: confidence: input should be less than or equal to 0.9999"),
        ("tables: [{name: t, value: claims}]", "9:20: tables[0].value: unknown column 'claims'"),
        ("devices: []", "9:1: devices: an empty list"),
        ("dtypes: []", "9:1: dtypes: an empty list"),
        ("dtypes: [float31]", "9:10: dtypes[0]: input should be"),
        ("time_limit: 0", "9:1: time_limit: input should be greater than 0, got 0"),
        ("threads: many", "9:1: threads: input should be a valid integer, got 'many'"),
        ("scaling: [{y: tme}]", "9:12: scaling[0].y: unknown column 'tme'; did you mean 'time'?"),
        ("break_even: [{y: tme}]", "9:15: break_even[0].y: unknown column 'tme'; did you mean 'time'?"),
        ("break_even: [{y: time, x: problem_dm}]", "9:24: break_even[0].x: unknown column 'problem_dm'; did you mean"),
        (
            "break_even: [{y: time, between: [exact, hutchinsn]}]",
            "9:41: break_even[0].between[1]: no estimator of this suite is called 'hutchinsn'; did you mean 'hutch",
        ),
        (
            "break_even: [{y: mse, x: work, between: [exact, hutchinson(probes=2)]}]",
            "9:49: break_even[0].between[1]: 'hutchinson(probes=2)' is one point of a curve against work",
        ),
        ("break_even: [{y: time, between: [exact]}]", "9:24: break_even[0].between: list should have at least 2 items"),
        ("break_even: [{y: time, betwen: [a, b]}]", "9:24: break_even[0].betwen: unknown key; did you mean 'between'?"),
        ("tables: [{name: t, value: rmsee}]", "9:20: tables[0].value: unknown column 'rmsee'; did you mean 'rmse'?"),
        ("budgets: {work: [10, 0]}", "9:22: budgets.work[1]: input should be greater than 0, got 0"),
        ("budgets: {wrk: [10]}", "9:11: budgets.wrk: unknown key; did you mean 'work'?"),
        ("plots: [{kind: error_cost, x: wrk}]", "9:28: plots[0].x: unknown column 'wrk'; did you mean 'work'?"),
        (
            "plots: [{kind: ranks, y: mse_tme}]",
            "9:23: plots[0].y: ranks are by mse_work or mse_time, got 'mse_tme'",
        ),
        ("plots: [{kind: ranks, y: relative_rmse}]", "9:23: plots[0].y: ranks are by mse_work or mse_time, got 'rel"),
        ("plots: [{kind: ranks, x: work}]", "9:23: plots[0].x: a plot of ranks has no x"),
        ("plots: [{kind: race, x: work}]", "9:22: plots[0].x: a race is run along both steps and time"),
        (
            "plots: [{kind: race, estimators: [exact, hutchinsn]}]",
            "9:42: plots[0].estimators[1]: no estimator of this suite fits; did you mean 'hutchinson'?",
        ),
        (
            "plots: [{kind: race, problems: [{name: matrix, dim: 5}]}]",
            "9:33: plots[0].problems[0]: no problem of this suite fits",
        ),
        ("plots: [{kind: pie}]", "9:10: plots[0].kind: input should be"),
    ],
)
def test_one_mistake_one_line(host, suite_file, extra, message):
    estimators = "  - exact\n  - hutchinson\n  - {name: hutchinson, probes: 2}\n"
    text = f"name: s\nproblems:\n  - name: matrix\n    dim: 8\nestimators:\n{estimators}{extra}"
    (line,) = complaints(host, suite_file, text)
    assert line.startswith(message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- 1\n", "a suite is a mapping"),
        ("just words\n", "a suite is a mapping"),
        ("name: x\nestimators: [exact]\n", "the key 'problems' is missing"),
        ("name: x\nproblems: []\nestimators: [exact]\n", "problems: list should have at least 1 item"),
        ("name: x\nproblems: 3\nestimators: [exact]\n", "problems: input should be a valid list, got 3"),
        ("name: x\nproblems: [{name: matrix, dim: [8, 8]}]\nestimators: [exact]\n", "matrix(dim=8) is already in"),
        ("name: x\nproblems: [{name: matrix, spectrum: exp, rate: .inf}]\nestimators: [exact]\n", "a finite number"),
        ("name: x\nproblems: [{name: matrix, dim: 100000000000000000000}]\nestimators: [exact]\n", "fit into 64 bits"),
        ("name: x\nproblems: [matrix]\nestimators: [exact, exact]\n", "exact is already in estimators[0]"),
    ],
)
def test_shapes_of_a_suite(host, suite_file, text, message):
    assert any(message in line for line in complaints(host, suite_file, text))


def test_a_density_without_what_the_problem_needs(host, suite_file, monkeypatch):
    from dataclasses import dataclass

    import torch

    from estibench import Density, DensityEntry
    from estibench.host.entries import Entry

    @dataclass(frozen=True, kw_only=True)
    class Rough(Density):
        def log_prob(self, x: torch.Tensor) -> torch.Tensor:
            return -x.abs().sum(-1)

        def score(self, x: torch.Tensor) -> torch.Tensor:
            return -x.sign()

        def sample(self, n: int, generator: torch.Generator) -> torch.Tensor:
            return torch.zeros(n, self.dim, dtype=torch.float64)

    monkeypatch.setattr(Entry, "load", lambda self, load=Entry.load: Rough if self.name == "rough" else load(self))
    monkeypatch.setitem(host.densities._entries, "rough", DensityEntry("rough", "x:Rough", "no Laplacian"))
    text = "name: x\nproblems:\n  - name: score_jacobian\n    density: rough\nestimators: [exact]\n"
    (line,) = complaints(host, suite_file, text)
    assert line == ("4:5: problems[0].density: density 'rough' does not provide what this problem needs: laplacian")


def test_break_evens_are_between_names_families_or_labels(host, suite_file):
    asked = """
break_even:
  - {y: time, between: [exact, hutchinson]}
  - {y: time, between: [exact, hutchinson(probes=4)]}
  - {y: mse, x: work}
"""
    plan = read(host, suite_file, SMALL + asked)
    assert plan.break_even == (
        {"y": "time", "x": "problem_dim", "between": ["exact", "hutchinson"]},
        {"y": "time", "x": "problem_dim", "between": ["exact", "hutchinson(probes=4)"]},
        {"y": "mse", "x": "work", "between": None},
    )


def test_devices(host, suite_file):
    assert {block.device for block in read(host, suite_file, SMALL).blocks} == {"cpu"}
    auto = read(host, suite_file, SMALL + "devices: auto\n")
    assert {block.device for block in auto.blocks} == {"cpu", "cuda"}
    assert auto.devices_auto
    override = read(host, suite_file, SMALL + "devices: auto\n", device="cuda:1")
    assert {block.device for block in override.blocks} == {"cuda:1"}
    assert not override.devices_auto
    with pytest.raises(UserError, match="--device gpu"):
        read(host, suite_file, SMALL, device="gpu")


def test_keys_depend_on_what_is_measured_and_on_nothing_else(host, suite_file):
    plan = read(host, suite_file, SMALL)
    written_out = SMALL.replace("- exact", "- {name: exact, method: vjp}").replace("name: small", "name: other")
    again = read(host, suite_file, written_out + "precision: 0.5\n")
    assert [block.key for block in plan.blocks] == [block.key for block in again.blocks]
    assert plan.blocks[0].cells[0].identity == again.blocks[0].cells[0].identity
    changed = read(host, suite_file, SMALL.replace("- exact", "- {name: exact, rows: 7}"))
    assert plan.blocks[0].cells[0].identity != changed.blocks[0].cells[0].identity


def test_a_density_takes_its_dimension_from_the_problem(host, suite_file):
    text = """
name: x
problems:
  - name: score_jacobian
    dim: [4, 6]
    density: [funnel, {name: gaussian, covariance: [full, diagonal]}]
estimators: [exact]
"""
    plan = read(host, suite_file, text)
    assert len(plan.blocks) == 2 * 3
    for block in plan.blocks:
        problem = block.problem.build(host)
        assert problem.density.dim == problem.dim == problem.points.shape[1]
    conflict = text.replace("covariance: [full, diagonal]", "dim: 9")
    assert any("the problem sets dim" in line for line in complaints(host, suite_file, conflict))


EXPECTED = {
    "fokker_planck": 8,
    "log_normalizer": 3,
    "peers_discrete": 4,
    "peers_score": 8,
    "peers_trace": 12,
}  # cells without a result


@pytest.mark.parametrize("name", sorted(known_suites()))
def test_shipped_suites_are_valid(host, name):
    """Every entry of `expect` selects a cell, or the suite could not be read."""
    plan = read_suite(find_suite(name), host)
    assert plan.cells > 0
    assert len(plan.expected) == EXPECTED.get(name, 0)


FITS = (
    "cnf_fit",
    "discrete_fit",
    "score_fit",
    "zoo_16d",
    "zoo_2d",
    "zoo_digits",
)  # a whole training is timed a few times


@pytest.mark.parametrize("name", sorted({*known_suites()} - {*FITS}))
def test_shipped_suites_time_nothing_or_enough_for_an_interval(host, name):
    settings = read_suite(find_suite(name), host).settings
    assert settings.rounds == 0 or 2 ** (1 - settings.rounds) <= 1 - settings.confidence


def test_lookup(tmp_path, monkeypatch):
    assert find_suite("trace").name == "trace.yaml"
    monkeypatch.chdir(tmp_path)
    assert find_suite("suites/trace.yaml").is_file(), "the README's command works in any folder"
    with pytest.raises(UserError, match="no such suite; did you mean 'trace'"):
        find_suite("trce")
    with pytest.raises(UserError, match="no such suite"):
        find_suite("other/trace.yaml")
    with pytest.raises(UserError, match="is a folder"):
        find_suite(str(tmp_path))
    (tmp_path / "trace").mkdir()  # a run of that name, in the folder of runs
    assert find_suite("trace").is_file()
