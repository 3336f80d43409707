"""Engines execute what is left to do of a plan: supervised worker processes, a cluster, or this process."""

from estibench.engines.contract import Context, Engine

__all__ = ["Context", "Engine"]
