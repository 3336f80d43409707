"""One run of a suite: what is planned and known, what is left to do, and what it must say of itself."""
