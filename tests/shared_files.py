"""Where the golden files and the real recording lie, and how a test asks for them."""

import os
from pathlib import Path

import pytest

SHARED = Path(os.environ.get("SENSORIUM_SHARED", Path(__file__).resolve().parents[2] / "shared"))


def shared(name: str) -> Path:
    """A file or folder of the shared ones; the test is skipped, with the reason, where it is absent."""
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"{path} is absent; set SENSORIUM_SHARED to the folder that holds it")
    return path
