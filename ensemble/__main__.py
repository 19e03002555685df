"""The door of this room: `python -m ensemble --help`."""

from ensemble.cli import app
from models.console import run

run(app, "python -m ensemble")
