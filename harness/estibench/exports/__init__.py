"""Exporters: a run as tables, plots and a page."""
