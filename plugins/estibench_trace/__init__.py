"""Trace and divergence: matrices and vector fields with known traces, and the estimators of a trace."""
