"""Neural ODEs, continuous normalizing flows and log-determinants of residual blocks."""
