"""Scaffolds: a plugin distribution of one's own, from templates."""
