"""What a key is made of: the sources that a component imports, the distributions behind them, and nothing else."""

import importlib.metadata
import json
import shutil
import sys
import textwrap
from types import SimpleNamespace

import pytest

from estibench import host as plugin_host
from estibench.keys import Keys
from estibench.keys import machine as machines
from estibench.keys import sources as sources_of_keys
from estibench.keys.changes import Present, words_of
from estibench.keys.installed import Installed
from estibench.keys.reading import read_imports
from estibench.keys.sources import Sources
from estibench.suite import Settings, read_suite

PACKAGE = {
    "__init__.py": "",
    "problem.py": """
        from dataclasses import dataclass
        from estibench_trace.structured_matrix import StructuredMatrix

        @dataclass(frozen=True, kw_only=True)
        class Mine(StructuredMatrix):
            "A problem."
    """,
    "helper.py": "import fakedist\nFACTOR = 1.0\n",
    "one.py": """
        from dataclasses import dataclass
        import torch
        from estibench import Estimator
        from keysplugin.helper import FACTOR

        @dataclass(frozen=True)
        class One(Estimator):
            "truth + noise"

            def estimate(self, problem, generator):
                truth = problem.truth.to(problem.torch_dtype)
                return truth + FACTOR * torch.randn(1, generator=generator, dtype=truth.dtype)
    """,
    "two.py": """
        from dataclasses import dataclass
        import torch
        from estibench import Estimator

        @dataclass(frozen=True)
        class Two(Estimator):
            "truth + noise, by a helper that is imported late"

            def estimate(self, problem, generator):
                from .helper import FACTOR

                truth = problem.truth.to(problem.torch_dtype)
                return truth + FACTOR * torch.randn(1, generator=generator, dtype=truth.dtype)
    """,
    "three.py": """
        from dataclasses import dataclass
        import torch
        from estibench import Estimator

        @dataclass(frozen=True)
        class Three(Estimator):
            "truth + noise, alone"

            def estimate(self, problem, generator):
                truth = problem.truth.to(problem.torch_dtype)
                return truth + torch.randn(1, generator=generator, dtype=truth.dtype)
    """,
}
HOOKS = """
from estibench import EstimatorEntry, ProblemEntry, hookimpl

@hookimpl
def bench_problems():
    return [ProblemEntry("mine", "keysplugin.problem:Mine", "a problem", "trace")]

@hookimpl
def bench_estimators():
    names = "one", "two", "three"
    return [EstimatorEntry(name, f"keysplugin.{name}:{name.title()}", name, ("trace",)) for name in names]
"""
SUITE = """
name: keys
draws: {min: 16, max: 16}
timing: {rounds: 0}
problems: [{name: mine, dim: 4}]
estimators: [one, two, three]
"""


def write(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))


def install(site, name, version="1.0", requires=(), roots=(), **files):
    """A distribution as pip leaves it."""
    info = site / f"{name}-{version}.dist-info"
    lines = [
        "Metadata-Version: 2.1",
        f"Name: {name}",
        f"Version: {version}",
        *(f"Requires-Dist: {r}" for r in requires),
    ]
    write(info, {"METADATA": "\n".join(lines) + "\n", "RECORD": "".join(f"{r}/__init__.py,,\n" for r in roots)})
    for root in roots:
        write(site / root, {"__init__.py": ""} | files)
    return info


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder of installed distributions and plugins, on the path."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    return folder


@pytest.fixture
def plugin(site, tmp_path):
    """A plugin of three estimators, two of which use a helper that needs a distribution; loaded."""
    write(site / "keysplugin", PACKAGE)
    install(site, "fakedist", requires=["inner-dist>=1"], roots=["fakedist"])
    install(site, "inner_dist", "2.0", roots=["inner"])
    (tmp_path / "hooks.py").write_text(HOOKS)
    (tmp_path / "suite.yaml").write_text(SUITE)
    yield SimpleNamespace(
        folder=site / "keysplugin",
        site=site,
        suite=tmp_path / "suite.yaml",
        hooks=tmp_path / "hooks.py",
        host=plugin_host.start([str(tmp_path / "hooks.py")]),
    )
    plugin_host.start()
    for name in [name for name in sys.modules if name.partition(".")[0] in ("keysplugin", "fakedist")]:
        del sys.modules[name]


def keys_of(plugin, **kinds):
    """The keys of the suite's cells by estimator, from what is there now."""
    (block,) = read_suite(plugin.suite, plugin.host).blocks
    keys = Keys(plugin.host, Settings(), kinds)
    return {cell.estimator.name: keys.of(cell) for cell in block.cells}


def changed(plugin, before):
    now = keys_of(plugin)
    return {name for name in before if before[name] != now[name]}


def append(path):
    path.write_text(path.read_text() + "# edited\n")


def test_an_unrelated_install_changes_no_key(plugin):
    before = keys_of(plugin)
    install(plugin.site, "pytest_of_tomorrow", "9", ["pluggy"], ["pytest_of_tomorrow"])
    assert changed(plugin, before) == set()


@pytest.mark.parametrize(
    ("file", "cells"),
    [
        ("one.py", {"one"}),
        ("helper.py", {"one", "two"}),
        ("three.py", {"three"}),
        ("problem.py", {"one", "two", "three"}),
        ("__init__.py", {"one", "two", "three"}),
    ],
)
def test_an_edited_source_changes_the_keys_of_what_imports_it(plugin, file, cells):
    before = keys_of(plugin)
    append(plugin.folder / file)
    assert changed(plugin, before) == cells


def test_what_nobody_imports_changes_nothing_and_data_change_all(plugin):
    before = keys_of(plugin)
    write(plugin.folder, {"unused.py": "import numpy\n", "__pycache__/one.cpython-311.pyc": "compiled"})
    (plugin.folder / ".#one.py").symlink_to("nowhere")
    append(plugin.hooks)
    assert changed(plugin, before) == set()
    (plugin.folder / "weights.npz").write_bytes(b"data")
    assert changed(plugin, before) == {"one", "two", "three"}


@pytest.mark.parametrize("name", ["fakedist-1.0", "inner_dist-2.0"])
def test_another_version_of_a_distribution_changes_the_keys_of_what_needs_it(plugin, name):
    """Whether it is imported or only required by what is imported."""
    before = keys_of(plugin)
    metadata = plugin.site / f"{name}.dist-info" / "METADATA"
    metadata.write_text(metadata.read_text().replace("Version: ", "Version: 9."))
    importlib.invalidate_caches()
    assert changed(plugin, before) == {"one", "two"}


def test_an_optional_distribution_counts_when_it_appears(plugin):
    with (plugin.folder / "three.py").open("a") as file:
        file.write("try:\n    import tomorrow\nexcept ImportError:\n    tomorrow = None\n")
    before = keys_of(plugin)
    install(plugin.site, "tomorrow", roots=["tomorrow"])
    importlib.invalidate_caches()
    assert changed(plugin, before) == {"three"}


def test_the_kind_of_processor_is_part_of_the_key(plugin):
    here = machines.kind_of("cpu")
    assert keys_of(plugin) == keys_of(plugin, cpu=here)
    assert not keys_of(plugin).items() & keys_of(plugin, cpu="another").items()


def test_the_measuring_code_and_what_it_imports_count_for_every_cell(plugin):
    (block,) = read_suite(plugin.suite, plugin.host).blocks
    keys = Keys(plugin.host, Settings())
    common = set.intersection(*(set(keys.table[keys.made_of(cell)[0]]) for cell in block.cells))
    assert {"source estibench/measure/draws.py", "python", "setting seed"} <= common
    assert {"distribution torch", "distribution numpy", "distribution scipy"} <= common
    assert not common & {"distribution rich", "distribution pytest", "source estibench/exports/report.py"}


def test_imports_are_read_wherever_they_stand():
    text = """
        from typing import TYPE_CHECKING
        import a.b, c as d
        from . import sibling
        from .inner import thing
        from importlib import import_module as load
        if TYPE_CHECKING:
            from only.types import Name
        else:
            import at_run_time
        def late():
            from g import h
            load("by.name")
            load(".relative", __package__)
            model.eval()
    """
    found = read_imports(textwrap.dedent(text).encode(), "pkg.module", is_package=False)
    modules = {module for module, _ in found.imports}
    assert {"a.b", "c", "pkg", "pkg.inner", "g", "by.name", "pkg.relative", "at_run_time"} <= modules
    assert "only.types" not in modules
    assert not found.unreadable


@pytest.mark.parametrize(
    "line",
    [
        "importlib.import_module(name)",
        "importlib.import_module(f'{__name__}.x')",
        "__import__(name)",
        "list(map(importlib.import_module, names))",
        "spec.loader.exec_module(module)",
        "exec(text)",
        "runpy.run_path(path)",
    ],
)
def test_an_import_that_cannot_be_read_is_noticed(line):
    assert read_imports(f"import importlib, runpy\n{line}\n".encode(), "m", is_package=False).unreadable


def reached(site, start, *plugins):
    return set(Sources(set(plugins), follows=lambda top: False).reachable([start]).files)


def test_an_import_that_cannot_be_read_counts_as_the_whole_package(site):
    write(site / "whole", {"__init__.py": "", "a.py": "import importlib\nimportlib.import_module(name)\n", "b.py": ""})
    write(site / "whole", {"deep/__init__.py": "", "deep/c.py": "import other.x\n", "d.py": ""})
    write(site / "other", {"__init__.py": "", "x.py": "", "y.py": ""})
    files = {"whole/__init__.py", "whole/a.py", "whole/b.py", "whole/d.py", "whole/deep/__init__.py", "whole/deep/c.py"}
    assert reached(site, "whole.a", "whole", "other") == files | {"other/__init__.py", "other/x.py"}
    assert reached(site, "whole.d", "whole", "other") == {"whole/__init__.py", "whole/d.py"}


LAZY = """
    from typing import TYPE_CHECKING
    if TYPE_CHECKING:
        from lazily.a import A as A
        from lazily.b import B as B
    _HOME = {"A": "lazily.a", "B": "lazily.b"}
    def __getattr__(name):
        from importlib import import_module
        return getattr(import_module(_HOME[name]), name)
"""


def test_names_that_a_package_finds_lazily_lead_to_their_modules(site):
    write(site / "lazily", {"__init__.py": LAZY, "a.py": "", "b.py": "", "c.py": "from lazily import A\n"})
    write(site / "lazily", {"d.py": "from lazily import b\n", "e.py": "import lazily\n", "f.py": ""})
    begin = {"lazily/__init__.py"}
    assert reached(site, "lazily.f", "lazily") == begin | {"lazily/f.py"}, "what is only lazy is not imported"
    assert reached(site, "lazily.c", "lazily") == begin | {"lazily/a.py", "lazily/c.py"}
    assert reached(site, "lazily.d", "lazily") == begin | {"lazily/b.py", "lazily/d.py"}
    assert reached(site, "lazily.e", "lazily") == begin | {"lazily/a.py", "lazily/b.py", "lazily/e.py"}
    untyped = LAZY.replace(
        "        from lazily.a import A as A\n        from lazily.b import B as B\n", "        pass\n"
    )
    write(site / "lazily", {"__init__.py": untyped})
    assert reached(site, "lazily.c", "lazily") == begin | {"lazily/a.py", "lazily/b.py", "lazily/c.py"}


def test_each_file_is_read_once_however_many_cells_there_are(plugin, monkeypatch):
    read, parsed = [], []
    digest, parse = sources_of_keys.digest_of, sources_of_keys.read_imports
    monkeypatch.setattr(sources_of_keys, "digest_of", lambda path: read.append(path) or digest(path))
    monkeypatch.setattr(
        sources_of_keys,
        "read_imports",
        lambda text, module, package: parsed.append(module) or parse(text, module, package),
    )
    plugin.suite.write_text(SUITE.replace("dim: 4", f"dim: {list(range(2, 102))}"))
    keys = Keys(plugin.host, Settings())
    cells = [cell for block in read_suite(plugin.suite, plugin.host).blocks for cell in block.cells]
    assert len({keys.of(cell) for cell in cells}) == len(cells) == 300
    assert len(read) == len(set(read))
    assert len(parsed) == len(set(parsed))
    assert len(keys.table) <= 7, "harness, machine, task, problem and three estimators: not one for each cell"


def test_requirements_are_those_of_this_machine(site):
    install(
        site, "outer", requires=["inner-one ; python_version >= '3'", "never ; python_version < '3'", "fancy[more]"]
    )
    install(site, "inner_one", "1.1", requires=["outer", "gone"])
    install(site, "fancy", "3", requires=["extra-dep ; extra == 'more'", "other ; extra == 'less'"])
    install(site, "Extra.Dep", "4")
    assert Installed().closure(["outer"]) == {
        "extra-dep": "4",
        "fancy": "3",
        "gone": "not installed",
        "inner-one": "1.1",
        "outer": "1.0",
    }


def test_a_distribution_in_development_is_followed_by_its_sources(site):
    info = install(site, "mylib", roots=["mylib"])
    assert Installed().owners("mylib") == ("mylib",)
    (info / "direct_url.json").write_text(json.dumps({"url": "file:///x", "dir_info": {"editable": True}}))
    assert Installed().owners("mylib") == ()


def test_distributions_do_not_depend_on_where_the_user_stands(tmp_path, monkeypatch):
    install(tmp_path, "numpy", "0.0", roots=["numpy"])
    before = Installed().closure(["numpy", "torch"])
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend("")
    assert Installed().closure(["numpy", "torch"]) == before


def test_a_change_is_told_in_words(plugin):
    (block,) = read_suite(plugin.suite, plugin.host).blocks
    keys = Keys(plugin.host, Settings())
    recorded = {}
    for name in keys.made_of(block.cells[0]):
        recorded |= keys.table[name]
    assert words_of(recorded, Present(keys.places, True).of(recorded)) == ""
    append(plugin.folder / "helper.py")
    shutil.rmtree(plugin.site / "inner_dist-2.0.dist-info")
    install(plugin.site, "inner_dist", "2.1", roots=["inner"])
    importlib.invalidate_caches()
    now = Present(keys.places, True).of(recorded)
    assert words_of(recorded, now) == "keysplugin/helper.py has changed; inner-dist 2.0 → 2.1"
    assert words_of(recorded, now | {"python": "4.0", "machine cpu": "slow", "setting seed": "7"}) == (
        f"keysplugin/helper.py has changed; seed 0 → 7; Python {recorded['python']} → 4.0; and 2 more"
    )
