"""What is stored is used again, and only what has changed is measured anew. In this process, by the serial engine."""

import dataclasses
import importlib.metadata
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

import estibench
from estibench import host as plugin_host
from estibench.results.store import Store
from estibench.runs.book import Book
from estibench.runs.session import make_engine, opened
from estibench.suite import read_suite

WARM = 2  # vectorised draws of a cell that are made for nothing, before the clock runs

FAULTS = Path(__file__).parent / "plugins" / "faults.py"
COUNTS = ["counts", "{name: counts, scale: 2}"]


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """The plugin of faults in a file of the test's own, loaded; what it draws is counted."""
    path = tmp_path / "faults.py"
    shutil.copy(FAULTS, path)
    monkeypatch.setenv("FAULTS_COUNT", str(tmp_path / "count"))
    plugin_host.start([str(path)])
    monkeypatch.setattr("estibench.runs.session.write", lambda host, results: ([], []))  # pages have tests of their own
    yield path
    plugin_host.start()


@dataclass
class Run:
    """Runs a suite into one directory and tells what was drawn."""

    write_suite: object
    directory: Path

    def __call__(self, estimators=COUNTS, fresh=False, retry=False, problems=("{name: matrix, dim: 8}",), **keys):
        count = Path(os.environ["FAULTS_COUNT"])
        count.write_text("")
        suite = self.write_suite(estimators, problems, **{"precision": 1e-6, "baseline": "counts"} | keys)
        results = estibench.run(suite, directory=self.directory, engine="serial", fresh=fresh, retry=retry)
        self.drawn = sum(int(line.split()[0]) for line in count.read_text().splitlines())
        return results.frame.set_index("estimator")


@pytest.fixture
def run(plugin, write_suite, tmp_path):
    return Run(write_suite, tmp_path / "run")


def accuracy(frame):
    return frame.drop(columns=[name for name in frame if "time" in name])


def equal(one, other):
    pd.testing.assert_frame_equal(accuracy(one), accuracy(other), check_exact=True)


def test_nothing_is_measured_twice(run):
    first = run()
    assert run.drawn > 0
    equal(first, run())
    assert run.drawn == 0
    run(fresh=True)
    assert run.drawn > 0
    assert (run.directory / "earlier-1" / "cells.jsonl").exists(), "set aside, not deleted"
    assert len(list((run.directory / "earlier-1" / "draws").iterdir())) == 2


@pytest.mark.parametrize(
    "keys",
    [
        {"time_limit": 50},
        {"problem_limit": 50},
        {"memory_limit": 100},
        {"title": "another"},
        {"tables": "[{name: t, value: bias}]"},
        {"plots": "[{kind: error_cost}]"},
        {"scaling": "[{y: cost_matvec}]"},
    ],
)
def test_a_changed_limit_or_report_runs_nothing(run, keys):
    run()
    run(**keys)
    assert run.drawn == 0


def test_more_draws_only_add_draws_and_equal_a_fresh_run(run, tmp_path):
    run(draws="{min: 32, max: 100}")
    assert run.drawn == 2 * (WARM + 32 + 128), "pilot and draws, in whole chunks"
    more = run(draws="{min: 32, max: 200}")
    assert run.drawn == 2 * 128, "the draws from 128 to 256"
    assert set(more["draws"]) == {200}
    run.directory = tmp_path / "other"
    equal(more, run(draws="{min: 32, max: 200}"))
    assert run.drawn == 2 * (WARM + 32 + 256)
    fewer = run(draws="{min: 32, max: 50}")
    assert run.drawn == 0
    assert set(fewer["draws"]) == {50}


def test_other_settings_of_the_statistics_draw_nothing(run, tmp_path):
    wide = run(draws="{min: 32, max: 64}")
    narrow = run(draws="{min: 32, max: 64}", confidence=0.5)
    assert run.drawn == 0
    assert ((narrow["rmse_high"] - narrow["rmse_low"]) < (wide["rmse_high"] - wide["rmse_low"])).all()
    run.directory = tmp_path / "other"
    equal(narrow, run(draws="{min: 32, max: 64}", confidence=0.5))


def test_draws_beyond_what_is_kept_are_drawn_again(run):
    run(draws="{min: 32, max: 64}", keep_draws=0)
    more = run(draws="{min: 32, max: 200}", keep_draws=0)
    assert run.drawn == 2 * (WARM + 32 + 256)
    assert more["mse_ratio"].notna().all(), "squared errors are kept always"


def test_a_new_estimator_is_measured_alone(run):
    first = run()
    second = run(estimators=[*COUNTS, "{name: counts, scale: 3}"])
    assert run.drawn == WARM + 32 + 64
    old = second.loc[first.index, first.columns]
    equal(first.drop(columns="claims"), old.drop(columns="claims"))  # the power of a claim's test knows all tests
    third = run(estimators=COUNTS[:1])
    assert run.drawn == 0
    assert list(third.index) == ["counts"], "the table shows the suite's cells"


def test_a_changed_plugin_is_measured_anew(run, plugin):
    run()
    plugin.write_text(plugin.read_text() + "# a comment\n")
    run()
    assert run.drawn > 0


def test_an_edited_plugin_says_why_and_measures_only_what_imports_it(run, plugin, capsys):
    estimators = [*COUNTS, "exact"]
    run(estimators=estimators)
    assert states(run) == ["3 cells: 3 done"]
    plugin.write_text(plugin.read_text() + "# a comment\n")
    assert states(run)[:2] == ["3 cells: 2 out of date, 1 done", ""]
    assert all(line.endswith("faults.py has changed") for line in states(run)[2:4])
    host = plugin_host.current()
    suite = run.write_suite(estimators, precision=1e-6, baseline="counts")
    with opened(host, read_suite(suite, host), run.directory, make_engine(host, "serial", {})) as session:
        assert session.notes() == [
            f"{run.directory}: 1 of 3 cells are kept, 2 left to measure",
            "2 cell(s) are measured again: faults.py has changed",
        ]
    for _ in range(2):  # whether or not the run went on from there
        assert states(run)[0] == "3 cells: 2 missing, 1 done"
        assert all(line.endswith("measured before: faults.py has changed") for line in states(run)[2:4])
        with opened(host, read_suite(suite, host), run.directory, make_engine(host, "serial", {})):
            pass
    run(estimators=estimators)
    assert run.drawn == 2 * (WARM + 32 + 64)
    assert states(run) == ["3 cells: 3 done"]


def states(run):
    """What `bench status` says, but for its first line."""
    from click.testing import CliRunner

    from estibench.cli import status_command

    done = CliRunner().invoke(status_command, [str(run.directory)])
    assert done.exit_code in (0, 1), done.output
    return [line.rstrip() for line in done.output.splitlines()[1:]]


def test_status_does_without_its_table_of_ingredients(run):
    run()
    for text in ("", "junk", '{"sets": 3}'):
        (run.directory / "ingredients.json").write_text(text)
        assert states(run) == ["2 cells: 2 done"]


def test_a_plugin_that_changes_during_the_run_ends_it(run, plugin, monkeypatch):
    from estibench.runs.book import Book

    run(estimators=COUNTS[:1])
    take, taken = Book.take, []

    def edit_then_take(self, found):
        plugin.write_text(plugin.read_text() + "# a comment\n")
        taken.append(found)
        return take(self, found)

    monkeypatch.setattr(Book, "take", edit_then_take)
    with pytest.raises(estibench.UserError, match=r"faults.py: has changed while the suite was running"):
        run()
    assert len(taken) == 1
    assert len(Store(run.directory).read()[0]) == 2, "accuracy and ratio of the first run"


class Newer(importlib.metadata.Distribution):
    """An installed distribution of another version."""

    def __init__(self, one):
        self._one = one

    def read_text(self, filename):
        text = self._one.read_text(filename)
        return re.sub(r"(?m)^Version: .*$", "Version: 99.0", text) if filename == "METADATA" else text

    def locate_file(self, path):
        return self._one.locate_file(path)


@pytest.mark.parametrize(("name", "needed"), [("numpy", True), ("sympy", True), ("rich", False), ("pytest", False)])
def test_only_a_distribution_that_numbers_need_is_measured_anew(run, monkeypatch, name, needed):
    """sympy is what torch requires."""
    run()
    assert run.drawn > 0
    found = list(importlib.metadata.distributions())
    changed = [Newer(one) if one.name == name else one for one in found]
    with monkeypatch.context() as patch:
        patch.setattr(importlib.metadata, "distributions", lambda **_: changed)
        run()
        assert (run.drawn > 0) == needed
        assert states(run) == ["2 cells: 2 done"]
    line = f"{name} 99.0 → {importlib.metadata.version(name)}"
    assert all(state.endswith(line) for state in states(run)[2:]) == needed or not needed


def test_another_kind_of_processor_measures_anew(run, monkeypatch):
    from estibench.keys import changes, machine

    first = run()
    monkeypatch.setattr(machine, "processor", lambda: "a slower one")
    assert states(run)[0] == "2 cells: 2 out of date"
    assert changes.kind_of("cpu") == "a slower one"
    equal(first.drop(columns="key"), run().drop(columns="key"))
    assert run.drawn > 0
    assert states(run) == ["2 cells: 2 done"]


def test_only_sources_that_count_end_a_run(run, plugin, monkeypatch):
    """Another file of the plugin's folder is nobody's; a file that was only touched is the same."""
    take = Book.take

    def touch_then_take(self, found):
        (plugin.parent / "other.py").write_text("x = 1\n")
        os.utime(plugin, ns=(1, 1))
        return take(self, found)

    monkeypatch.setattr(Book, "take", touch_then_take)
    assert set(run()["status"]) == {"ok"}


def test_a_source_that_changes_before_the_times_ends_the_run(run, plugin, monkeypatch):
    take = Book.take

    def edit_then_take(self, found):
        if found.part == "time":
            plugin.write_text(plugin.read_text() + "# a comment\n")
        return take(self, found)

    monkeypatch.setattr(Book, "take", edit_then_take)
    with pytest.raises(estibench.UserError, match=r"faults.py: has changed while the suite was running"):
        run(timing="{rounds: 7}")
    assert not [record for record in Store(run.directory).read()[0] if record.part == "time"]


@pytest.mark.parametrize("what", ["cells.jsonl", "run.json", "plan.jsonl", "ingredients.json", ""])
@pytest.mark.parametrize("when", [1, 2])
def test_files_that_are_deleted_meanwhile_are_made_anew(run, tmp_path, monkeypatch, what, when):
    """The store, what describes the run, or its whole directory: after the first cell, or after the last."""
    first = run()
    run.directory = tmp_path / "other"
    take, taken = Book.take, []

    def take_then_delete(self, found):
        yield from take(self, found)
        taken.append(found)
        if len(taken) == when:
            path = run.directory / what
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    monkeypatch.setattr(Book, "take", take_then_delete)
    with pytest.warns(UserWarning, match="was deleted while the suite was running; it is made anew, nothing is lost"):
        second = run()
    assert states(run) == ["2 cells: 2 done"]
    if what:  # with the directory the draws are gone, and ratios have to wait
        equal(first, second)
        assert len(Store(run.directory).read()[0]) == 4


@pytest.mark.parametrize("when", [1, 2])
def test_draws_that_are_deleted_meanwhile_cost_ratios_until_the_next_run(run, tmp_path, monkeypatch, when):
    first = run()
    run.directory = tmp_path / "other"
    keep, kept = Book._keep_accuracy, []

    def keep_then_delete(self, page, found):
        keep(self, page, found)
        kept.append(found)
        if len(kept) == when:
            shutil.rmtree(run.directory / "draws")

    with monkeypatch.context() as patch:
        patch.setattr(Book, "_keep_accuracy", keep_then_delete)
        with pytest.warns(UserWarning, match=r"draws: the draws of [12] cell\(s\) were deleted while the suite was"):
            second = run()
    assert set(second["status"]) == {"ok"}
    equal(first, run())


def test_tracebacks_that_are_deleted_meanwhile_cost_nothing_else(run, monkeypatch):
    take = Book.take

    def delete_then_take(self, found):
        shutil.rmtree(run.directory / "tracebacks", ignore_errors=True)
        return take(self, found)

    monkeypatch.setattr(Book, "take", delete_then_take)
    assert run(estimators=["raises", "counts", "{name: raises, scale: 2}"])["status"].tolist() == [
        "failed",
        "ok",
        "failed",
    ]


def test_kept_draws_that_vanish_before_they_are_read_are_drawn_again(run, monkeypatch):
    run(draws="{min: 32, max: 100}")
    works = Book.works

    def works_then_delete(self):
        found = works(self)
        shutil.rmtree(run.directory / "draws")
        return found

    monkeypatch.setattr(Book, "works", works_then_delete)
    assert set(run(draws="{min: 32, max: 200}")["draws"]) == {200}
    assert run.drawn == 2 * (WARM + 32 + 256)


def test_another_seed_is_another_run(run):
    first = run(seed=1)
    run(seed=2)
    assert run.drawn > 0
    equal(first, run(seed=1))
    assert run.drawn == 0


def test_another_baseline_is_paired_anew_without_draws(run, tmp_path):
    run(estimators=COUNTS, baseline="{name: counts, scale: 1.0}")
    other = run(estimators=COUNTS, baseline="{name: counts, scale: 2.0}")
    assert run.drawn == 0
    assert other["baseline"].tolist() == ["counts(scale=2)"] * 2
    run.directory = tmp_path / "other"
    equal(other, run(estimators=COUNTS, baseline="{name: counts, scale: 2.0}"))


def test_damaged_records_and_lost_draws_are_measured_again(run):
    first = run()
    path = run.directory / "cells.jsonl"
    lines = path.open("rb").readlines()
    path.write_bytes(lines[0][:200] + b"\n" + b"".join(lines[1:]))
    equal(first, run())
    assert run.drawn == WARM + 32 + 64, "one of the two cells"
    for file in (run.directory / "draws").iterdir():
        file.write_bytes(file.read_bytes()[:-8])
    equal(first, run())
    assert run.drawn == 0, "the rows are whole"
    more = run(draws="{min: 32, max: 100}")
    assert run.drawn == 2 * (WARM + 32 + 128), "damaged draws are not gone on from"
    for file in (run.directory / "draws").iterdir():
        file.unlink()
    run(draws="{min: 32, max: 100}", estimators=[*COUNTS, "{name: counts, scale: 3}"], baseline="counts")
    assert more["mse_ratio"].notna().all()


def test_notes_say_what_is_kept_what_is_damaged_and_what_is_timed_again(run, tmp_path):
    run(timing="{rounds: 7}")
    store = Store(run.directory)
    store.path.write_bytes(store.path.read_bytes() + b"junk\n")
    host = plugin_host.current()
    three = [*COUNTS, "{name: counts, scale: 3}"]
    suite = run.write_suite(three, precision=1e-6, timing="{rounds: 7}", baseline="counts")
    plan = read_suite(suite, host)
    with opened(host, plan, run.directory, make_engine(host, "serial", {})) as session:
        damaged, kept, again = session.notes()
        assert damaged.endswith("1 damaged record(s), line 7, are ignored; what they held is measured again")
        assert kept == f"{run.directory}: 2 of 3 cells are kept, 1 left to measure"
        assert again.startswith(
            "2 cells are timed again with their blocks: times compare only within one interleaved run"
        )


def test_failed_cells_are_kept_and_measured_again_on_request(run, plugin, monkeypatch):
    first = run(estimators=[*COUNTS, "raises"])
    assert first.loc["raises", "status"] == "failed"
    tries = []
    cls = plugin_host.current().estimators.get("raises").load()
    monkeypatch.setattr(cls, "estimate", lambda self, problem, generator: tries.append(1))
    run(estimators=[*COUNTS, "raises"])
    assert not tries
    run(estimators=[*COUNTS, "raises"], retry=True)
    assert tries
    assert run.drawn == 0, "good cells are not"


def test_a_run_interrupted_between_accuracy_and_times_times_only(run):
    """The store cut after the accuracies of a block: as after a kill."""
    first = run(timing="{rounds: 7}")
    path = run.directory / "cells.jsonl"
    lines = path.open("rb").readlines()
    assert len(lines) == 6, "accuracy, ratio and times of two cells"
    for keep in (5, 4, 3, 2):
        path.write_bytes(b"".join(lines[:keep]))
        again = run(timing="{rounds: 7}")
        equal(first, again)
        assert run.drawn == 0
        assert (again["time_rounds"] == 7).all()
    records, _ = Store(run.directory).read()
    assert len({record.after for record in records if record.part == "time"}) == 1


def test_times_are_of_one_interleaved_run(run):
    run(timing="{rounds: 7}")
    run(timing="{rounds: 7}")
    records, _ = Store(run.directory).read()
    assert sum(record.part == "time" for record in records) == 2, "not timed twice"
    run(timing="{rounds: 9}")
    run(timing="{rounds: 9}", estimators=[*COUNTS, "{name: counts, scale: 3}"])
    records, _ = Store(run.directory).read()
    latest = {record.key: record.after for record in records if record.part == "time"}
    assert len(latest) == 3
    assert len(set(latest.values())) == 1


def test_an_engine_that_leaves_cells_unmeasured_is_found_out(run, monkeypatch):
    from estibench.engines.serial import SerialEngine

    whole = SerialEngine.run
    monkeypatch.setattr(SerialEngine, "run", lambda *arguments: list(whole(*arguments))[:1])
    host = plugin_host.current()
    plan = read_suite(run.write_suite(COUNTS, baseline="counts"), host)
    with opened(host, plan, run.directory, make_engine(host, "serial", {})) as session:
        list(session.execute())
        assert session.finish()[2] == ["the engine has left 1 cells unmeasured; the same command goes on from here"]


def test_times_against_another_baseline_are_not_shown(run):
    run(timing="{rounds: 7}")
    other = run(timing="{rounds: 0}", baseline="{name: counts, scale: 2}")
    assert other["baseline"].tolist() == ["counts(scale=2)"] * 2
    assert not [name for name in other if name.startswith("time_ratio")]
    again = run(timing="{rounds: 7}", baseline="{name: counts, scale: 2}")
    assert again.loc["counts(scale=2)", "time_ratio"] == 1


def test_status_knows_what_is_out_of_date(run):
    from click.testing import CliRunner

    from estibench.cli import bench

    def status(code):
        done = CliRunner().invoke(bench, ["-p", str(run.plugin), "status", str(run.directory)])
        assert done.exit_code == code, done.output
        return done.output.splitlines()[1]

    run.plugin = FAULTS
    run(timing="{rounds: 7}")
    assert status(0) == "2 cells: 2 done"
    host = plugin_host.current()
    serial = make_engine(host, "serial", {})
    for keys, expected in (
        ({"draws": "{min: 32, max: 100}"}, "2 cells: 2 missing"),
        ({"timing": "{rounds: 9}"}, "2 cells: 2 not timed"),
    ):
        suite = run.write_suite(COUNTS, **{"precision": 1e-6, "baseline": "counts", "timing": "{rounds: 7}"} | keys)
        with opened(host, read_suite(suite, host), run.directory, serial):
            pass
        assert status(1) == expected


def test_a_cell_that_failed_meanwhile_does_not_keep_the_others_from_their_times(run):
    """Its old times are of another interleaved run than theirs."""
    first = run(timing="{rounds: 7}")
    store = Store(run.directory)
    record = next(one for one in store.read()[0] if one.part == "accuracy" and one.key == first["key"].iloc[1])
    store.append(dataclasses.replace(record, row={"status": "failed", "reason": "made up"}))
    three = [*COUNTS, "{name: counts, scale: 3}"]
    for _ in range(2):
        run(timing="{rounds: 7}", estimators=three)
    records = [one for one in store.read()[0] if one.part == "time"]
    assert len(records) == 2 + 2, "timed once more, not at every run"


def test_a_device_that_was_missing_is_looked_for_again(run, monkeypatch):
    import torch

    if torch.cuda.is_available():
        pytest.skip("tests the absence of CUDA")
    run(devices="[cuda]")
    host = plugin_host.current()
    plan = read_suite(run.write_suite(COUNTS, precision=1e-6, devices="[cuda]"), host)
    assert len(Book(host, plan, run.directory).works()) == 1
