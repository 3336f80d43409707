"""What a run leaves behind: the store of rows, the table made from it, and what exporters write."""

from __future__ import annotations

from estibench.results.run_directory import Results, load

__all__ = ["Results", "load"]
