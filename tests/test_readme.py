"""What the README says is where, is there; and nothing is missing from it."""

import importlib
import re
from pathlib import Path

import typer

ROOT = Path(__file__).resolve().parents[1]
HIDDEN_FOLDERS = {
    "bench",
    "checks",
    "commands",
    "confirm",
    "doctor",
    "download",
    "predicting",
    "report",
    "rules",
    "spaces",
    "store",
    "synthetic",
}  # named as folders


def test_the_tree_names_every_file():
    tree = (ROOT / "README.md").read_text().split("## What is where")[1]
    named = set(re.findall(r"^ +([\w./]+\.py)\b", tree, flags=re.MULTILINE))
    files = {
        path.name
        for room in ("models", "search", "ensemble")
        for path in (ROOT / room).rglob("*.py")
        if not path.name.startswith("__") and not HIDDEN_FOLDERS & set(path.parts)
    }
    assert named == files


def test_commands_and_spaces_exist():
    text = (ROOT / "README.md").read_text()
    for room, command in re.findall(r"python -m (models|search|ensemble) ([a-z-]+)", text):
        app = importlib.import_module(f"{room}.cli").app
        assert command in typer.main.get_command(app).commands, f"{room} {command}"
    assert (ROOT / "docs/log.md").is_file()
