"""Synthetic estimators about which everything is known, right and wrong ones, for `bench selftest`."""
