"""`bench plan`: what a suite would measure, without measuring."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from estibench import host as plugin_host
from estibench.cli.completion import suites
from estibench.cli.text import print_table

if TYPE_CHECKING:
    from estibench.host import Host
    from estibench.suite import Block, Plan


@click.command("plan", short_help="Show what a suite would measure.")
@click.argument("suite", shell_complete=suites)
@click.option("--device", metavar="auto|cpu|cuda[:N]|mps|xpu[:N]", help="Override the suite's devices.")
@click.option("--cells", is_flag=True, help="List every cell.")
def plan_command(suite: str, device: str | None, cells: bool) -> None:
    """Show the blocks, cells and expected work of SUITE without running it."""
    from estibench.suite import read_suite
    from estibench.suite.lookup import find_suite

    host = plugin_host.current()
    plan = read_suite(find_suite(suite), host, device)
    rows = [("block", "problem", "device", "dtype", "cells", "work at most")]
    for number, block in enumerate(plan.blocks, start=1):
        work = expected_work(host, plan, block)
        rows.append((str(number), block.problem.label, block.device, block.dtype, str(len(block.estimators)), work))
        rows += [("", f"  {cell.estimator.label}", "", "", "", "") for cell in block.cells if cells]
    print_table(f"{plan.name}: {plan.title}", rows)
    settings = plan.settings
    click.echo(
        f"{len(plan.blocks)} blocks, {plan.cells} cells; a pilot, then "
        f"{settings.min_draws} to {settings.max_draws} draws a cell, at most {settings.time_limit:g} s each; "
        f"{settings.rounds} timed rounds; threads {settings.threads}"
    )


def expected_work(host: Host, plan: Plan, block: Block) -> str:
    """The block's work in the task's unit, from the estimators' cost claims, if every cell draws to the maximum."""
    from estibench.contracts.claims import Cost

    unit = host.tasks.get(block.task).load().work
    problem = block.problem.build(host).at("cpu", block.dtype)  # the device may not be there
    total, unknown = 0, 0
    for component in block.estimators:
        estimator = component.build(host)
        counted = [claim for claim in estimator.claims if isinstance(claim, Cost) and claim.unit == unit]
        costs = [claim for claim in counted if claim.applies(problem, estimator)]
        draws = plan.settings.min_draws + plan.settings.max_draws  # the pilot's, and those that count
        total += sum(int(claim.formula(problem, estimator)) for claim in costs[:1]) * draws
        unknown += not costs
    return f"{total:.2g} {unit}s" + (f" + {unknown} cells unknown" if unknown else "")
