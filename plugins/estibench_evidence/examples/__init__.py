"""Estimators to begin with, in public names alone: `bench plugin new NAME --task TASK` copies one of them."""
