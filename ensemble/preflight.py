"""What would otherwise go wrong after hours of predicting, looked at before."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from ensemble.columns import FloatType
from ensemble.naming import LARGEST_UPLOAD, Scheme, archives, targets
from models.errors import Problem, ProblemsFound, UserError
from models.files import storage_error
from models.metrics import scored_count
from models.recordings.locks import locking
from models.recordings.session import Session

LOCK = ".lock"
BYTES_A_VALUE: dict[FloatType, float] = {"float64": 3.9, "float32": 3.7}
"""In a submission file, of single-precision values whose every bit is kept: at most so many, as the
fraction does not compress and sign and exponent do, even of noise over many orders of magnitude."""


def check_out(out: Path) -> None:
    """UserError where files cannot be written to the folder `out`, or another build does that now."""
    if out.exists() and not out.is_dir():
        raise UserError(f"{out} is a file", "Give a folder for the submission files.")
    if out.exists():
        with alone_in(out):
            pass


@contextlib.contextmanager
def alone_in(out: Path) -> Iterator[None]:
    """Make the folder of the files, and let no other build write into it until the block ends.

    Raises UserError where another does, StorageError where the folder cannot be made or written.
    """
    with contextlib.ExitStack() as held:
        try:
            out.mkdir(parents=True, exist_ok=True)
            mine = held.enter_context(locking(out / LOCK))
        except OSError as error:
            raise storage_error(out, error) from error
        if not mine:
            remedy = "Wait until it has ended, or give another folder."
            raise UserError(f"another build writes into {out} at this moment", remedy)
        yield


def check_tiers(sessions: Sequence[Session], scheme: Scheme) -> None:
    """ProblemsFound with each file of which the scored mice have no trial."""
    problems = [
        Problem(target.file, f"the scored mice have trials of {target.tier}", "none")
        for target in targets(scheme)
        if not any(session.trials(target.tier) for session in sessions)
    ]
    if problems:
        remedy = "Give recordings, or scored mice, with all four test tiers."
        raise ProblemsFound("the recordings", problems, remedy)


def check_sizes(
    sessions: Sequence[Session], scheme: Scheme, dtype: FloatType, frames: int = 249
) -> None:
    """ProblemsFound with each zip that would be larger than the server takes.

    For files that keep every bit: rounded ones are smaller than can be told beforehand.
    """
    sizes = {
        name: sum(values(sessions, target.tier, frames) for target in files) * BYTES_A_VALUE[dtype]
        for name, files in archives(scheme).items()
    }
    rule = f"an upload has at most {LARGEST_UPLOAD:,} bytes"
    problems = [
        Problem(name, rule, f"that it would have about {size:,.0f}")
        for name, size in sizes.items()
        if size > LARGEST_UPLOAD
    ]
    if problems:
        remedy = (
            "Add --mantissa-bits 10: files less than half as large, with the same scores to 1e-6."
        )
        raise ProblemsFound("the files to upload", problems, remedy)


def values(sessions: Sequence[Session], tier: str, frames: int = 249) -> int:
    """How many numbers a tier's file holds."""
    return sum(
        session.neurons * scored_count(length, frames)
        for session in sessions
        for length in map(session.length, session.trials(tier))
    )
