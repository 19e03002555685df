"""A function in a fresh process: what it returns, and its peak memory above its imports.

The process imports the function's module, notes its resident memory, runs the function with texts
as arguments, and prints one line of JSON.
"""

import importlib
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from models.errors import UserError

MIB = 2**20


@dataclass(frozen=True)
class Measured:
    """What came of a fresh process."""

    result: float
    """What the function returned."""
    peak_mb: float
    """Peak resident memory above the interpreter with its imports, in MiB."""


def measure(function: str, *arguments: object) -> Measured:
    """Run `module:function` in a fresh process; UserError where it fails."""
    command = [sys.executable, "-m", "models.bench.fresh", function, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        message = f"the benchmark's process for {function} failed: {done.stderr.strip()}"
        raise UserError(message, "Run it again; on a full disk choose another --folder.")
    return Measured(**json.loads(done.stdout.splitlines()[-1]))


def _run(function: str, *arguments: str) -> dict[str, float]:
    module, name = function.split(":")
    run = getattr(importlib.import_module(module), name)
    before = _memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    result = run(*arguments)
    return {"result": float(result), "peak_mb": (_memory("VmHWM") - before) / MIB}


def _memory(name: str) -> int:
    """Bytes of a line of Linux's /proc/self/status."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise UserError(f"this system does not tell a process's {name}", "Run benchmarks on Linux.")


if __name__ == "__main__":
    print(json.dumps(_run(*sys.argv[1:])))
