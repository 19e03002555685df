"""One run of the benchmark of families, in a process of its own: trained, scored, written down."""

import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from models.config import load_config
from models.errors import UserError
from models.evaluation import score_run
from models.files import write_json
from models.fit import Fit
from models.recordings.layout import BONUS_TIERS, MAIN_TIERS
from models.training.failure import TrainingFailed

RESULT, CPU = "shares.json", "cpu_s.json"
TRACKS = (MAIN_TIERS, BONUS_TIERS)
"""The tiers of the main and of the OOD track."""


@dataclass(frozen=True)
class Shares:
    """What one run reached."""

    main: float
    """Share of the ceiling: mean over the live and the final tier of the main track."""
    ood: float
    """The same of the bonus track."""
    parameters: int
    cpu_s: float
    """Of training and validation, over all processes that the run took."""


def train_and_score(run: Path, data: Path, config: str) -> Shares:
    """Train the run of a JSON configuration, or what is left of it, and write its shares down."""
    fit = Fit(run, load_config(json.loads(config)), data, "cpu")
    before = float(json.loads((run / CPU).read_text())) if (run / CPU).exists() else 0.0
    while not fit.done:
        fit.train_epoch()
        write_json(run / CPU, before + time.process_time())
    fit.finish()
    parameters = sum(parameter.numel() for parameter in fit.training.network.parameters())
    cpu = float(json.loads((run / CPU).read_text()))
    main, ood = _of_ceiling(run, data)
    shares = Shares(main, ood, parameters, cpu)
    write_json(run / RESULT, asdict(shares))
    return shares


def read_shares(run: Path) -> Shares | None:
    """The result of a run; None where it is not finished."""
    path = run / RESULT
    return Shares(**json.loads(path.read_text())) if path.exists() else None


def _of_ceiling(run: Path, data: Path) -> tuple[float, float]:
    """The shares of main track and OOD track, in raw units.

    In the server's units a constant prediction scores far above zero on recordings of few trials.
    """
    rows = score_run(data, run, None, normalise=False, device="cpu")
    share = {row.tier: row.score / row.ceiling for row in rows if not row.kind}
    main, ood = (float(np.mean([share[tier] for tier in tiers])) for tiers in TRACKS)
    return main, ood


def main(run: str, data: str, config: str) -> None:
    """The process; what a user can mend ends it with one line."""
    try:
        train_and_score(Path(run), Path(data), config)
    except UserError as error:
        sys.exit(error.message)
    except TrainingFailed as failure:
        sys.exit(failure.reason)


if __name__ == "__main__":
    main(*sys.argv[1:])
