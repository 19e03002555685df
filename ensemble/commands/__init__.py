"""The commands of `python -m ensemble` that `ensemble.cli` takes from here."""
