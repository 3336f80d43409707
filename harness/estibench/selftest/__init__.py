"""The harness measured by itself: `bench selftest`."""
