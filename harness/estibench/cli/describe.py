"""`bench list`, `bench show` and `bench plugins`: what there is."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any

import click

from estibench import host as plugin_host
from estibench.cli.text import print_table
from estibench.errors import UserError, did_you_mean

PLURALS = {
    "tasks": "task",
    "densities": "density",
    "problems": "problem",
    "estimators": "estimator",
    "engines": "engine",
    "exporters": "exporter",
}


@click.command("list", short_help="List what is registered, and the suites.")
@click.argument("kind", type=click.Choice([*PLURALS, "suites"]), required=False)
def list_command(kind: str | None) -> None:
    """List tasks, densities, problems, estimators, engines, exporters and suites."""
    host = plugin_host.current()
    for plural, singular in PLURALS.items():
        if kind in (None, plural):
            registry = host.registries[singular]
            rows = [
                (entry.name, _tasks(entry), entry.summary, registry.origin(entry.name).source) for entry in registry
            ]
            print_table(plural, rows)
    if kind in (None, "suites"):
        from estibench.suite.lookup import known_suites

        print_table("suites", [(name, "", str(path), "") for name, path in known_suites().items()])


@click.command("show", short_help="Documentation, parameters, claims and citation of a name.")
@click.argument("name")
def show_command(name: str) -> None:
    """Show a task, density, problem or estimator: documentation, parameters, claims and citation."""
    host = plugin_host.current()
    found = [kind for kind, registry in host.registries.items() if name in registry]
    if not found:
        known = [entry.name for registry in host.registries.values() for entry in registry]
        raise UserError(f"nothing is registered as {name!r}{did_you_mean(name, known)}")
    for kind in found:
        entry = host.registries[kind].get(name)
        click.echo(f"{kind} {name}: {entry.summary}")
        click.echo(f"from {host.registries[kind].origin(name).source}, {entry.target}")
        _show(entry.load())


@click.command("plugins", short_help="List plugins: version, origin, hooks.")
def plugins_command() -> None:
    """List plugins with their version, origin and hooks. Exit code 1 when one is broken."""
    host = plugin_host.current()
    rows = []
    for plugin in host.plugins:
        state = f"not in use: {plugin.refused}" if plugin.refused else ", ".join(plugin.hooks)
        rows.append((plugin.name, plugin.source, plugin.origin, state))
    print_table("plugins", rows)
    if host.warnings:
        raise SystemExit(1)


def _tasks(entry: Any) -> str:
    """The tasks that a problem or an estimator is for."""
    return str(getattr(entry, "task", "")) or ", ".join(getattr(entry, "tasks", ()))


def _show(target: Any) -> None:
    """The documentation of a class, function or task."""
    click.echo()
    if not isinstance(target, type):
        if dataclasses.is_dataclass(target):
            for field in dataclasses.fields(target):
                value = getattr(target, field.name)
                click.echo(f"  {field.name}: {getattr(value, '__name__', value)}")
            target = getattr(target, "contract", target)
        click.echo(inspect.getdoc(target) or "")
        return
    from estibench.components import parameters_of

    click.echo(inspect.getdoc(target) or "(no documentation)")
    if not dataclasses.is_dataclass(target):
        return
    click.secho("\nParameters", bold=True)
    for parameter in parameters_of(target).values():
        default = "required" if parameter.required else f"default {parameter.default}"
        click.echo(f"  {parameter.name}: {parameter.described()}; {default}")
    claims = getattr(target, "claims", ())
    if claims:
        click.secho("\nClaims, tested in every run", bold=True)
        for claim in claims:
            click.echo(f"  {claim.title}")
    citation = getattr(target, "citation", "")
    if citation:
        click.secho("\nCitation", bold=True)
        click.echo(f"  {citation}")
