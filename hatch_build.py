"""Ships `suites/` inside standard wheels, so that `bench run trace` works after a plain `pip install`.

An editable install must not freeze a copy: there the checkout's own `suites/` is found first.
"""

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ShipSuites(BuildHookInterface):  # type: ignore[type-arg]
    """Adds `suites/` to a standard wheel as package data of `estibench`."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """`version` is the build's kind: "standard" or "editable"."""
        if version == "standard":
            build_data["force_include"]["suites"] = "estibench/suites"
