"""An estibench plugin: an estimator for each family of tasks, and a density, with public names only."""
