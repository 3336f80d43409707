"""Every `bench` command in the README and the docs is run, on small copies of the suites and on published runs.

A command that cannot be run here is listed with the reason, and must still parse.
"""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML

from estibench import FitProblem
from estibench import host as plugin_host
from estibench.cli import bench
from estibench.host.components import parameters_of

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
EXAMPLE = ROOT / "tests" / "example_plugin" / "src"

ELSEWHERE = {
    "scheduler=tcp": "needs a cluster: tests/engines/test_dask.py runs a scheduler and workers",
    "my_model.py": "tests/assessment runs a file like the page's",
    "bench publish": "takes minutes: tests/site publishes runs and follows every link",
    "mine.yaml": "tests/harness/test_answers_cli.py runs such suites with every --fail-on",
    "bench assess": "trains a model: tests/assessment runs assess on every task, and each example",
    "bench selftest": "takes minutes: tests/selftest runs its parts",
    "bench plugin": "makes distributions and environments: tests/testing runs it",
    "my_density.py": "tests/testing runs the commands of its page",
    "bench export zig_zag": "tests/exports/test_pytest_benchmark.py writes and reads that file",
    "pytest_benchmark": "tests/testing runs the commands of its page",
    "bench -p logistic.py": "tests/densities runs the example of its page",
}


def commands(page: Path) -> Iterator[str]:
    """The commands in blocks of code, and those in running text that name no placeholder."""
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"^```(?:sh|bash|console)?\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    for block in blocks:
        for line in block.splitlines():
            command = line.partition("  #")[0].removeprefix("$ ").partition(" # ")[0].strip()
            if command.startswith("bench "):
                yield command
    prose = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    for command in re.findall(r"`(bench [^`]+)`", prose):
        if not re.search(r"[A-Z]{3,}|[…\[|]|my_plugin", command.replace("NO_", "")):
            yield command


# A page that names one of these alone speaks of the command as such.
NAMED = {"run", "show", "status", "plan", "table", "plot", "compare", "recommend", "publish", "summary", "export"}
COMMANDS = sorted({command for page in PAGES for command in commands(page)})


# Of trainings, as far as each has them: how long they last, and how many points judge the models.
SHORT = {"steps": 2, "hidden": 4, "batch": 8, "held_out": 16, "test": 16, "judged_samples": 2}
HOST = plugin_host.current()
TRAININGS = {
    entry.name: SHORT.keys() & parameters_of(entry.load())
    for entry in HOST.problems
    if issubclass(HOST.tasks.get(entry.task).load().contract, FitProblem)
}


def small(text: str) -> str:
    """A suite with its first problem, short where it trains, two estimators, four draws, and no times."""
    yaml = YAML(typ="safe")
    suite = yaml.load(text)
    suite |= {"draws": {"min": 2, "max": 4}, "timing": {"rounds": 0}, "dtypes": suite.get("dtypes", ["float32"])[:1]}
    suite["problems"] = [_first(suite["problems"][0])]
    for problem in suite["problems"]:
        if isinstance(problem, dict):
            problem |= {name: SHORT[name] for name in TRAININGS.get(problem["name"], ())}
    suite["estimators"] = [_first(one) for one in suite["estimators"][:2]]
    for name in ("baseline", "plots", "tables", "scaling", "break_even"):
        suite.pop(name, None)
    out = StringIO()
    yaml.dump(suite, out)
    return out.getvalue()


def _first(component: object) -> object:
    """A component with the first value of each axis of its grid."""
    if not isinstance(component, dict):
        return component
    return {name: value[0] if isinstance(value, list) and value else value for name, value in component.items()}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the docs' commands make sense: small suites, and published runs in the place of runs."""
    folder = tmp_path_factory.mktemp("docs")
    (folder / "suites").mkdir()
    for suite in (ROOT / "suites").glob("*.yaml"):
        (folder / "suites" / suite.name).write_text(small(suite.read_text(encoding="utf-8")), encoding="utf-8")
    shutil.copy(folder / "suites" / "trace.yaml", folder / "suite.yaml")
    quickstart = (ROOT / "docs" / "quickstart.md").read_text(encoding="utf-8")
    example = re.search(r"```yaml\n(.*?)```", quickstart, flags=re.DOTALL)
    assert example is not None
    (folder / "my_suite.yaml").write_text(example[1], encoding="utf-8")
    for home in ("results/published", "site"):
        for run in ("trace", "vq", "divergence", "discrete"):
            shutil.copytree(ROOT / "results" / "published" / run, folder / home / run)
    return folder


@pytest.fixture
def here(place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder as the current one; runs that are read are published ones, and runs that are made are new."""
    monkeypatch.chdir(place)
    monkeypatch.syspath_prepend(str(EXAMPLE))
    yield place
    plugin_host.start()


@pytest.mark.parametrize("command", COMMANDS)
def test_it_runs(command: str, here: Path) -> None:
    words = shlex.split(command)[1:]
    if words[0] in NAMED and len(words) == 1:
        words.append("--help")
    reason = next((why for part, why in ELSEWHERE.items() if part in command), "")
    if reason:
        pytest.skip(reason)
    runs = here / "results" / "runs"
    shutil.rmtree(runs, ignore_errors=True)
    if words[0] in ("table", "publish", "plot", "compare", "recommend", "summary", "export"):
        shutil.copytree(here / "results" / "published", runs)
        for name in ("before", "after"):
            shutil.copytree(runs / "vq", runs / name)
    if words[0] == "export" and len(words) == 2 and words[1] != "--help":  # the smallest, under that name
        shutil.rmtree(runs / words[1])
        shutil.copytree(here / "results" / "published" / "vq", runs / words[1])
    if words[0] == "status":
        done = CliRunner().invoke(bench, ["run", words[1], "-q"])
        assert done.exit_code == 0, done.output
    done = CliRunner().invoke(bench, ["-p", str(EXAMPLE / "estibench_example" / "hooks.py"), *words])
    assert done.exit_code == 0, done.output + str(done.exception)


def test_commands_were_found() -> None:
    assert len(COMMANDS) > 15
    assert "bench run trace" in COMMANDS
