"""The ensemble of a strategy's runs, by the ensemble's own command, and its share of the ceiling."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.answers import Answers
from models.errors import RunError
from models.recordings.data_set import open_sessions
from models.recordings.layout import BONUS_TIERS, MAIN_TIERS, TEST_TIERS
from models.scoring import Scoreboard
from models.trained import TrainedRun

Weighted = Sequence[tuple[Path, float]]
"""Run folders with their weights."""


@dataclass(frozen=True)
class Averaged:
    """An ensemble on tiers that no run has seen, in raw units."""

    main: float
    """Share of the ceiling: mean over the live and the final tier of the main track."""
    ood: float
    """The same of the bonus track."""
    members: int


def average(data: Path, out: Path, top: int, chosen: Sequence[str]) -> Averaged:
    """Have the ensemble of what is `chosen` built in `out`, and score it.

    By its command, since this room does not import that one; and not with the scores that it writes:
    they are in the server's units, in which a constant prediction is far above zero where trials are
    few. Raises RunError where nothing was built.
    """
    options = ["--data", str(data), "--out", str(out), "--top", str(top), "--device", "cpu"]
    command = [sys.executable, "-m", "ensemble", "build", *chosen, *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["it printed nothing"]
        raise RunError(f"the ensemble was not built: {lines[0]}", "Mend that and run it again.")
    members = members_of(out)
    return Averaged(*shares(data, members), len(members))


def members_of(submission: Path) -> Weighted:
    """The members that a submission's manifest.json names."""
    manifest = json.loads((submission / "manifest.json").read_text())
    return [(Path(each["folder"]), float(each["weight"])) for each in manifest["members"]]


def shares(data: Path, members: Weighted) -> tuple[float, float]:
    """Shares of the ceiling of the members' weighted mean, of main and of OOD track.

    The recordings are generated ones with their truth beside them.
    """
    answers, runs = Answers.beside(data, None), [TrainedRun.open(run, "cpu") for run, _ in members]
    weights = [weight for _, weight in members]
    reached, ceiling = Scoreboard(normalise=False), Scoreboard(normalise=False)
    for session in open_sessions(data):
        for trial in session.trials(TEST_TIERS):
            response = answers.response(session, trial)
            expected = answers.noise_free(session, trial)
            if response is None or expected is None:
                continue
            predicted = [run.predict(session, trial) for run in runs]
            mean = np.average(predicted, axis=0, weights=weights)
            tier = session.tiers[trial]
            reached.add(session, tier, "", mean, response)
            ceiling.add(session, tier, "", expected, response)
    main, ood = (
        float(np.mean([reached.score(tier) / ceiling.score(tier) for tier in tiers]))
        for tiers in (MAIN_TIERS, BONUS_TIERS)
    )
    return main, ood
