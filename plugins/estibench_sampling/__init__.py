"""Sampling from densities by Langevin dynamics and its kin, and the evolution of densities under diffusions."""
