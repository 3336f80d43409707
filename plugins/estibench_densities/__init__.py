"""Densities with closed-form log-density, score and Laplacian: one family per file, registered in `hooks`."""
