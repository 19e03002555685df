"""The parts of the checker of submission files; `ensemble.check` is its door."""
