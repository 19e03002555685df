"""Which code and which packages made a result."""

import functools
import importlib.metadata
import subprocess
from pathlib import Path

PACKAGES = ("torch", "numpy", "ray", "optuna", "mlflow")


@functools.cache
def code_version() -> str:
    """The git commit of the code, with + where files differ from it; 'unknown' outside a checkout."""
    here = Path(__file__).parent
    command = ["git", "-C", str(here), "describe", "--always", "--abbrev=12", "--dirty=+"]
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return result.stdout.strip()


@functools.cache
def package_versions() -> dict[str, str]:
    """Installed versions of the packages that a result depends on."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue  # a bare GPU machine has neither Ray nor MLflow
    return versions
