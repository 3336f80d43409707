"""The plugin host: what it refuses, in one line, and that a broken plugin never stops the others."""

from types import ModuleType, SimpleNamespace

import pytest

from estibench.errors import UserError
from estibench.host import Host, Plugin
from estibench.host import plugins as plugin_host
from estibench.host.entries import EstimatorEntry
from estibench.host.hookspecs import hookimpl


def module(name, **hooks):
    found = ModuleType(name)
    for hook, function in hooks.items():
        function.__name__ = hook
        setattr(found, hook, hookimpl(function))
    return found


@pytest.fixture
def host_with(monkeypatch):
    """A host that sees the built-in plugins and the given ones as installed distributions."""
    real = plugin_host._entry_points()

    def start(*others, **options):
        def load(what):
            if isinstance(what, Exception):
                raise what
            return what

        points = [
            (SimpleNamespace(load=lambda what=what: load(what)), Plugin(name, f"acme-{name}", "1.2", f"acme_{name}"))
            for name, what in others
        ]
        monkeypatch.setattr(plugin_host, "_entry_points", lambda: real + points)
        return Host(**options)

    return start


def entry(name="mine"):
    return EstimatorEntry(name, "nowhere:Nothing", "a test", ("trace",))


def test_built_in_plugins_load_without_complaint():
    host = Host()
    assert host.warnings == []
    assert {"hutchinson", "xtrace"} <= {found.name for found in host.estimators}
    assert host.estimators.origin("hutchinson").distribution == "estibench"


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (ImportError("No module named 'gone'"), "ImportError: No module named 'gone'"),
        (SyntaxError("bad"), "SyntaxError: bad"),
        (module("a", bench_estimatrs=lambda: []), "unknown hook 'bench_estimatrs'; did you mean 'bench_estimators'?"),
        (
            module("b", bench_estimators=lambda: [entry("hutchinson")]),
            "estimator 'hutchinson' is already registered by estibench",
        ),
        (module("c", bench_estimators=lambda: [1]), "bench_estimators must return a list of EstimatorEntry"),
        (module("d", bench_estimators=lambda: 1 / 0), "ZeroDivisionError: division by zero"),
        (module("e", bench_cell_measured=lambda rows: None), "hook 'bench_cell_measured'"),
    ],
)
def test_a_broken_plugin_is_one_line_and_stops_nobody(host_with, broken, reason):
    good = module("good", bench_estimators=lambda: [entry()])
    host = host_with(("broken", broken), ("good", good))
    (line,) = host.warnings
    assert line.startswith("plugin 'broken' (acme-broken 1.2) is not in use: ")
    assert reason in line
    assert "\n" not in line
    assert "mine" in host.estimators
    assert host.estimators.origin("hutchinson").distribution == "estibench"


def test_a_refused_plugin_leaves_nothing_behind(host_with):
    half = module("half", bench_estimators=lambda: [entry("fresh"), entry("xtrace")])
    host = host_with(("half", half))
    assert "fresh" not in host.estimators
    assert "already registered by estibench" in host.warnings[0]


def test_a_hook_that_raises_is_reported_and_the_others_are_called(host_with, tmp_path):
    called = []
    bad = module("bad", bench_run_started=lambda suite: 1 / 0)
    good = module("good", bench_run_started=lambda suite, cells: called.append((suite, cells)))
    host = host_with(("bad", bad), ("good", good))
    (line,) = host.run_started("trace", tmp_path, 3)
    assert line == "acme-bad 1.2:bad: bench_run_started raised ZeroDivisionError: division by zero"
    assert called == [("trace", 3)]


def test_blocking_and_allowing(host_with, monkeypatch):
    host = host_with(options=["no:trace"])
    assert "hutchinson" not in host.estimators
    assert "gaussian" in host.densities
    assert host.warnings == []
    with pytest.raises(UserError, match="no such plugin; did you mean 'trace'"):
        host_with(options=["no:trce"])
    monkeypatch.setenv("ESTIBENCH_PLUGINS", "densities, ")
    host = plugin_host.start()
    assert "hutchinson" not in host.estimators
    assert "gaussian" in host.densities
    monkeypatch.delenv("ESTIBENCH_PLUGINS")
    plugin_host.start()


def test_a_file_plugin_is_loaded_only_when_named(tmp_path):
    path = tmp_path / "local.py"
    path.write_text(
        "from estibench import EstimatorEntry, hookimpl\n"
        "@hookimpl\ndef bench_estimators():\n"
        "    return [EstimatorEntry('local', f'{__name__}:X', 'mine', ('trace',))]\n"
    )
    assert "local" in Host([str(path)]).estimators
    assert "local" not in Host().estimators
    path.write_text("1 / 0\n")
    with pytest.raises(UserError, match="ZeroDivisionError"):
        Host([str(path)])


def test_an_entry_whose_import_fails_names_itself(host_with):
    host = host_with(("good", module("good", bench_estimators=lambda: [entry()])))
    with pytest.raises(UserError, match="'mine': cannot import 'nowhere:Nothing': ModuleNotFoundError"):
        host.estimators.get("mine").load()
    with pytest.raises(UserError, match="unknown estimator 'mien'; did you mean 'mine'"):
        host.estimators.get("mien")
