"""`compile:` in a suite: the same estimator plain and compiled, side by side, and what becomes of one that torch fails.

torch's backend `eager` traces as any other does and generates no code, so that nothing here needs a compiler.
"""

from pathlib import Path

import pytest
import torch

from estibench import host as plugin_host
from estibench.errors import UserError
from estibench.host.components import make
from estibench.measure import compiled as module
from estibench.measure import measure_block
from estibench.suite import Block, Settings, read_suite
from estibench.suite.plan import Cell

PLUGIN = Path(__file__).parent / "plugins" / "compiled.py"
SUITE = """
name: small
problems: [{name: constant}]
estimators: [{name: additive}]
"""


@pytest.fixture(scope="module")
def ours():
    yield plugin_host.start([str(PLUGIN)])
    plugin_host.start()


@pytest.fixture
def traced(monkeypatch):
    monkeypatch.setattr(module, "BACKEND", "eager")


@pytest.fixture
def measure(ours, traced):
    """`measure(("noisy", "default"), ("noisy", "off", {"scale": 2}))`: rows of one block, in this order."""
    plugin_host.start([str(PLUGIN)])

    def measure(*cells, draws=128, rounds=0):
        estimators = [make(ours, "estimator", name, *(given or [{}])).compiled(mode) for name, mode, *given in cells]
        problem = make(ours, "problem", "constant", {"components": 2})
        block = Block(problem, "synthetic", "cpu", "float64", tuple(estimators), 0)
        return measure_block(block, Settings(min_draws=draws, max_draws=draws, rounds=rounds))

    return measure


def verdicts(row):
    return {claim["claim"]: claim["p_value"] for claim in row["claims"]}


def test_what_is_compiled_wrongly_is_seen(measure):
    plain, wrong = measure(("fooled", "off"), ("fooled", "default"), rounds=2)
    assert (plain["status"], plain["mse"]) == ("ok", 0)
    assert (wrong["status"], wrong["mse"]) == ("ok", pytest.approx(2.0))
    assert (verdicts(plain), verdicts(wrong)) == ({"exact": 1.0}, {"exact": 0.0})
    assert (wrong["compile_graphs"], wrong["compile_breaks"], wrong["compile_note"]) == (1, 0, "")
    assert wrong["time_compile"] > 0
    assert plain.keys().isdisjoint({"time_compile", "compile_graphs"})
    assert {"time", "time_ratio"} <= wrong.keys()


def test_numbers_are_drawn_as_in_a_plain_call(ours, traced):
    problem = make(ours, "problem", "constant", {"components": 2}).build(ours)
    plain = make(ours, "estimator", "noisy", {}).build(ours)
    made = module.compiled(plain, "default")

    def three(estimator, seed):
        stream = torch.Generator().manual_seed(seed)
        return torch.stack([estimator.estimate(problem, stream) for _ in range(3)])

    with module.compiling({"default"}):
        found = three(made, 0)
        assert torch.equal(found, three(made, 0))
        assert torch.equal(found, three(plain, 0))
        assert len(found.unique(dim=0)) == 3
        assert not torch.equal(found, three(made, 1))


def test_a_compiled_row_says_how_it_was_drawn_and_where_its_graphs_end(measure):
    (row,) = measure(("noisy", "default"))
    assert (row["status"], row["draws"], row["draw_path"]) == ("ok", 128, "loop")
    assert row["draw_fallback"] == "what is compiled is drawn as it is timed"
    assert row["compile_graphs"] >= 1
    assert row["compile_breaks"] >= 1
    assert row["compile_note"] == module.DRAWING
    assert row["variance"] == pytest.approx(2 * 0.01, rel=0.4)  # its standard error is 9 %
    assert row["peak_bytes"] is None


def test_noise_that_is_compiled_in_is_no_noise(measure):
    plain, frozen = measure(("frozen", "off"), ("frozen", "default"))
    assert plain["status"] == "ok"
    assert frozen["status"] == "failed"
    assert frozen["reason"] == "compiled, it does not use its generator as the plain call does"


def test_what_cannot_be_compiled_is_measured_plain_and_says_so(measure):
    (row,) = measure(("reluctant", "default"))
    assert (row["status"], row["compile_graphs"]) == ("ok", 0)
    assert row["compile_note"].startswith("nothing is compiled")


def test_a_compiler_that_fails_is_a_row_with_its_reason(measure, monkeypatch):
    def broken(graph, inputs):
        raise ValueError("no such processor\nand much more")

    monkeypatch.setattr(module, "BACKEND", broken)
    plain, compiled = measure(("certain", "off"), ("certain", "default"), rounds=2)
    assert plain["status"] == "ok"
    assert compiled["status"] == "unsupported"
    assert compiled["reason"] == "torch.compile (default): ValueError: no such processor"


def test_graphs_of_launches_need_a_device_that_has_them(measure):
    (row,) = measure(("certain", "reduce-overhead"))
    assert row["status"] == "unsupported"
    assert row["reason"] == "compile: reduce-overhead records graphs of launches, which cpu has not"


def test_an_error_bar_is_of_the_compiled_estimate(measure):
    (row,) = measure(("barred", "default"), draws=512)
    assert row["compile_graphs"] >= 1
    assert row["coverage"] == pytest.approx(0.85, abs=0.06)  # of two standard errors of four draws; its own is 0.01


def test_many_cells_of_one_class_are_all_compiled(measure):
    """torch by itself gives up after eight, and goes on with the plain call."""
    rows = measure(*(("noisy", "default", {"scale": scale}) for scale in range(1, 11)), draws=2)
    assert {row["status"] for row in rows} == {"ok"}
    assert all(row["compile_graphs"] >= 1 for row in rows)


def test_torchs_configuration_is_as_before(measure):
    from torch._dynamo import config

    before = {name: getattr(config, name) for name in module.TRACING if hasattr(config, name)}
    measure(("certain", "default"), draws=2)
    assert {name: getattr(config, name) for name in before} == before
    with module.compiling({"off", "default"}):
        assert config.recompile_limit == module.TRACING["recompile_limit"]


def test_a_suite_multiplies_its_estimators(suite_file, host):
    plan = read_suite(suite_file(SUITE + "compile: [off, default]\n"), host)
    (block,) = plan.blocks
    assert [one.label for one in block.estimators] == ["additive", "additive(compile=default)"]
    assert [one.family for one in block.estimators] == ["additive", "additive(compile=default)"]
    assert [one.compile for one in block.estimators] == ["off", "default"]
    (alone,) = read_suite(suite_file(SUITE), host).blocks
    assert alone.cells[0].identity == block.cells[0].identity != block.cells[1].identity


def test_a_label_keeps_its_parameters(host):
    one = make(host, "estimator", "additive", {"scale": 0.5}).compiled("reduce-overhead")
    assert one.label == "additive(scale=0.5, compile=reduce-overhead)"
    assert one.family == "additive(compile=reduce-overhead)"
    cells = [Cell(each, one, "cpu", "float64").identity for each in (one, one.compiled("off"))]
    assert cells[0] == cells[1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("compile: [fast]\n", "compile[0]: input should be 'off', 'default' or 'reduce-overhead'"),
        ("compile: []\n", "compile: an empty list"),
        ("compile: [default, off, default]\n", "compile[2]: default is given twice"),
        ("compile: [default]\nbaseline: {name: additive, compile: off}\n", "no estimator of this suite fits"),
    ],
)
def test_mistakes(suite_file, host, text, message):
    with pytest.raises(UserError) as caught:
        read_suite(suite_file(SUITE + text), host)
    assert message in str(caught.value)


def test_baseline_and_expectations_may_name_it(suite_file, host):
    text = """compile: [off, default]
baseline: {name: additive, compile: default}
expect:
  - {status: unsupported, why: no compiler, estimator: {name: additive, compile: default}}
"""
    plan = read_suite(suite_file(SUITE + text), host)
    assert plan.blocks[0].baseline == 1
    assert list(plan.expected) == [plan.blocks[0].cells[1].identity]


@pytest.mark.nightly
def test_generated_code_errs_as_the_plain_call_does(measure, monkeypatch):
    monkeypatch.setattr(module, "BACKEND", "inductor")
    plain, compiled = measure(("noisy", "off"), ("noisy", "default"), rounds=2)
    assert (compiled["status"], compiled["reason"]) == ("ok", "")
    assert compiled["mse"] == pytest.approx(plain["mse"], rel=0.5)  # a ratio of variances from 256 numbers each
