"""`python -m models`: one model, from recordings to a score."""

from models.cli import app
from models.console import run

run(app, "python -m models")
