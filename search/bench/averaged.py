"""The ensemble of a strategy's runs, by the ensemble's own command, and its share of the ceiling."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models.errors import RunError
from models.recordings.layout import BONUS_TIERS, MAIN_TIERS


@dataclass(frozen=True)
class Averaged:
    """An ensemble on tiers that no run has seen, in raw units."""

    main: float
    """Share of the ceiling: mean over the live and the final tier of the main track."""
    ood: float
    """The same of the bonus track."""
    members: int


def average(data: Path, out: Path, top: int, runs: Sequence[Path]) -> Averaged:
    """Have the ensemble of these runs built in `out`, at most `top` of them, and read its scores.

    By its command, since this room does not import that one. Raises RunError where nothing was built.
    """
    chosen = [word for run in runs for word in ("--run", str(run))]
    options = ["--data", str(data), "--out", str(out), "--top", str(top), "--device", "cpu"]
    command = [sys.executable, "-m", "ensemble", "build", *chosen, *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["it printed nothing"]
        raise RunError(f"the ensemble was not built: {lines[0]}", "Mend that and run it again.")
    return read_averaged(json.loads((out / "manifest.json").read_text()))


def read_averaged(manifest: dict[str, Any]) -> Averaged:
    """What a manifest says of an ensemble on generated recordings, whose ceiling is known.

    In raw units: in the server's a constant prediction is far above zero where trials are few.
    """
    shares = {
        each["tier"]: each["ensemble"] / each["ceiling"] for each in manifest["evaluation_raw"]
    }
    main, ood = (
        float(np.mean([shares[tier] for tier in tiers])) for tiers in (MAIN_TIERS, BONUS_TIERS)
    )
    return Averaged(main, ood, len(manifest["members"]))
