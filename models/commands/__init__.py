"""The commands of `python -m models`, which `models.cli` puts together."""
