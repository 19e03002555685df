"""The door of this room: `python -m search --help`."""

from models.console import run
from search.cli import app

run(app, "python -m search")
