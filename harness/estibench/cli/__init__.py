"""The command line. Command modules are light: whatever is heavy loads inside the commands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from estibench import host as plugin_host
from estibench.cli.assess import assess_command
from estibench.cli.compare import compare_command
from estibench.cli.describe import list_command, plugins_command, show_command
from estibench.cli.export import export_command
from estibench.cli.interrupts import interruptible
from estibench.cli.plan import plan_command
from estibench.cli.plot import plot_command
from estibench.cli.plugin import plugin_command
from estibench.cli.publish import publish_command
from estibench.cli.recommend import recommend_command
from estibench.cli.run import how_to_go_on, run_command
from estibench.cli.selftest import selftest_command
from estibench.cli.status import status_command
from estibench.cli.summary import summary_command
from estibench.cli.table import table_command

__all__ = ["bench"]


class PluginGroup(click.Group):
    """Starts the plugin host from `-p` before any command is looked up, so that plugins can add commands."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: object
    ) -> click.Context:
        runs = run_command.name in args
        with interruptible(lambda: how_to_go_on((), fresh="--fresh" in args) if runs else "stopped"):
            host = plugin_host.start(_plugin_options(args))
            for line in [*host.warnings, *host.add_commands(self)]:
                click.echo(f"warning: {line}", err=True)
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        with interruptible():
            return super().invoke(ctx)


def _plugin_options(args: Sequence[str]) -> list[str]:
    """Values of the `-p` options that stand before the command."""
    values = []
    rest = iter(args)
    for argument in rest:
        if argument in ("-p", "--plugin"):
            values.append(next(rest, ""))
        elif argument.startswith("--plugin="):
            values.append(argument.removeprefix("--plugin="))
        elif argument.startswith("-p") and len(argument) > 2:
            values.append(argument[2:])
        elif not argument.startswith("-"):
            break
    return [value for value in values if value]


@click.group(cls=PluginGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "-p",
    "--plugin",
    multiple=True,
    metavar="FILE.py|no:NAME",
    help="Load a plugin from a Python file, or block an installed one.",
)
@click.version_option(package_name="estibench")
def bench(plugin: tuple[str, ...]) -> None:
    """Measure stochastic estimators against exact truths: bias, variance and cost, with confidence intervals.

    \b
    Examples:
      bench run suites/trace.yaml      measure, and write tables, plots and a report
      bench assess divergence my_flow.py:make   which estimator to use for your own model
      bench summary trace              what a run has found, and the evidence
      bench export trace               all its plots and tables
      bench status trace               what of it is done, failed or missing
      bench table results/runs/trace   any quantity over problems and estimators, as Markdown or LaTeX
      bench publish results/runs/trace  a static site of runs, to be shown to others
      bench plan trace                 what would be measured
      bench plot trace --kind regime   any figure from a stored run
      bench compare RUN_A RUN_B        what got better or worse
      bench recommend trace --budget 50   which estimator to use
      bench list estimators            what there is
      bench show hutchinson            formula, parameters, claims, citation
      bench selftest --quick           is the harness right about itself?
    """


for command in (
    run_command,
    assess_command,
    summary_command,
    export_command,
    status_command,
    table_command,
    publish_command,
    plan_command,
    plot_command,
    compare_command,
    recommend_command,
    list_command,
    show_command,
    plugins_command,
    plugin_command,
    selftest_command,
):
    bench.add_command(command)
