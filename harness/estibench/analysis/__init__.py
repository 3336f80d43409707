"""What follows from the rows of a run: verdicts, efficiency, fronts, ranks, curves and laws. Pure functions."""
