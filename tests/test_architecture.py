"""The import rule: models imports no other room and no Ray, Optuna or MLflow; the others only models."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FORBIDDEN = {
    "models": {"search", "ensemble", "ray", "optuna", "mlflow"},
    "search": {"ensemble"},
    "ensemble": {"search", "optuna"},
}
# Inside a room: command line -> driver -> pure core, never upward.
TOP = {"cli", "__main__"}


def imports_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            yield node.module or ""


def files(room: str) -> list[Path]:
    found = sorted((ROOT / room).rglob("*.py"))
    assert found
    return found


@pytest.mark.parametrize("room", FORBIDDEN)
def test_rooms_import_only_what_they_may(room):
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in files(room)
        for name in imports_of(path)
        if name.split(".")[0] in FORBIDDEN[room]
    ]
    assert not wrong


@pytest.mark.parametrize("room", FORBIDDEN)
def test_nothing_imports_a_command_line(room):
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in files(room)
        if path.stem not in TOP and path.parent.name != "commands"
        for name in imports_of(path)
        if name.startswith(tuple(f"{room}.{top}" for top in (*TOP, "commands")))
    ]
    assert not wrong


@pytest.mark.parametrize("room", FORBIDDEN)
def test_files_hold_one_thing(room):
    assert not [str(path) for path in files(room) if len(path.read_text().splitlines()) > 300]
