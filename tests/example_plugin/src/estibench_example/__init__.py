"""An estibench plugin: the unit-vector estimator of a trace."""
