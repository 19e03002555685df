"""Benchmarks: what a room promises, measured beside the plain way in the same run."""
