"""A static site of published runs: what `bench publish` writes."""

from estibench.site.publish import publish

__all__ = ["publish"]
