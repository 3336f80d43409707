"""`bench plugin new` and `bench plugin check`: for those who write plugins."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from estibench import host as plugin_host

if TYPE_CHECKING:
    from estibench.testing.trial import Outcome

COLOURS = {"passed": "green", "failed": "red", "unexpected pass": "red", "expected failure": "yellow"}


@click.group("plugin", short_help="Make a plugin, or check one.")
def plugin_command() -> None:
    """Make a plugin of your own, or check that one keeps its side of the contract."""


@plugin_command.command("new", short_help="Make a distribution to begin with.")
@click.argument("name")
@click.option(
    "--task",
    default="trace",
    show_default=True,
    help="Of its estimator, any of `bench list tasks`; `own` makes a task and a problem.",
)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Folder to make; default estibench-NAME.")
def new_command(name: str, task: str, output: Path | None) -> None:
    """Write a plugin called NAME: a distribution with an estimator that works, a suite, and tests that pass.

    It registers the estimator NAME; put your method in its place. Nothing is overwritten.
    """
    from estibench.scaffold.write import names_of, start_of, write_plugin

    host = plugin_host.current()
    names = names_of(name, task, host)
    folder = output or Path(names.distribution)
    for path in write_plugin(names, start_of(names, task, host), folder):
        click.echo(path)
    click.echo(f"\nnext: cd {folder}; pip install -e '.[test]'; python -m pytest; bench run suite.yaml")


@plugin_command.command("check", short_help="Run the conformance kit.")
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@click.option("--draws", type=click.IntRange(min=64), default=512, show_default=True, help="Draws that are compared.")
@click.option(
    "--seconds", type=click.FloatRange(min=0, min_open=True), default=1.0, show_default=True, help="At most, for each."
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of all draws.")
@click.option("--all", "everything", is_flag=True, help="List passed and skipped checks too.")
@click.option("--json", "as_json", is_flag=True, help="Print every outcome as JSON.")
def check_command(
    names: tuple[str, ...], draws: int, seconds: float, seed: int, everything: bool, as_json: bool
) -> None:
    """Check that plugins, estimators, problems or densities conform: contract, randomness, claims, documentation.

    NAME is a plugin, a distribution, anything that a plugin registers, or a Python file. Each failure says what was
    found, what was expected and what to do. Exit code 1 when a check fails, or passes that should fail.
    """
    from estibench.testing.case import Effort
    from estibench.testing.plugins import plugin_trials

    host = plugin_host.current()
    files = [name for name in names if name.endswith(".py")]
    if files:
        host = plugin_host.start([*host.options, *(file for file in files if file not in host.options)])
    effort = Effort(draws, seconds, seed)
    outcomes: list[Outcome] = []
    for name in names:
        for trial in plugin_trials(Path(name).stem if name in files else name, host, effort=effort):
            outcomes.append(trial.outcome())
            if not as_json:
                _print(outcomes[-1], everything)
    if as_json:
        click.echo(json.dumps([asdict(outcome) for outcome in outcomes], indent=2))
    else:
        counts = Counter(outcome.status for outcome in outcomes)
        click.echo(f"{len(outcomes)} checks: " + ", ".join(f"{number} {status}" for status, number in counts.items()))
    raise SystemExit(int(any(outcome.is_bad for outcome in outcomes)))


def _print(outcome: Outcome, everything: bool) -> None:
    from estibench.plain import printable

    if outcome.status in ("passed", "skipped") and not everything:
        return
    status = click.style(outcome.status, fg=COLOURS.get(outcome.status))
    click.echo(f"{status}  {printable(outcome.subject)}: {outcome.check}")
    for line in outcome.detail.splitlines():
        click.echo(f"    {printable(line)}")
