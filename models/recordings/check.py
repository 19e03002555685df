"""Whether recordings are sound: every problem of every session at once.

Irregularities that are the rule in the published data are no problems: mixed types, a T of its own
per session, NaN padding, gaps in the trial numbers, `none` tiers, missing responses, and all-zero
responses where they are withheld. Problems are what breaks training, prediction or a submission.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from rich import box
from rich.table import Table

from models.console import table, uncut
from models.errors import Problem, RecordingError
from models.recordings.checks.packed import PackedCheck
from models.recordings.checks.report import DataReport, SessionReport
from models.recordings.checks.session import SessionCheck, listed_session
from models.recordings.count import Count, Progress
from models.recordings.films import remembered
from models.recordings.layout import KINDS, TIERS
from models.recordings.store.folders import is_packed
from models.recordings.store.packed import PackedSession

__all__ = ["DataReport", "SessionReport", "check_data_set", "report_table"]


PARTS = (*[f"data/{kind}" for kind in KINDS], "meta/neurons", "meta/trials", "meta/statistics")
"""Any of these makes a folder a session, if perhaps an incomplete one."""
NO_SESSION = "should be a session, with data/ and meta/ (passed over)"


def check_data_set(data: Path, progress: Progress | None = None) -> DataReport:
    """Check every session of `data`, which is one session or a folder of sessions.

    `progress` gets the session's name, the trials read so far and those in all, both over the
    whole data set. A broken session is reported, never raised: RecordingError only where `data` is
    no folder or holds no session. Every array is read whole, one at a time.
    """
    sessions, others = _folders(data)
    checks = [_check_of(path) for path in sessions]
    count = Count(sum(check.trials for check in checks), progress)
    reports = [check.run(count.of(check.path.resolve().name)) for check in checks]
    passed_over = (Problem(str(path), NO_SESSION, "neither of their parts") for path in others)
    return DataReport(reports, tuple(passed_over), tuple(_damaged_groups(sessions)))


def report_table(report: DataReport) -> Table:
    """Mouse, neurons, T, trials and the trials of each tier; `?` is what could not be read.

    As wide as it has to be: names of mice and tiers are never cut.
    """
    tiers = _tiers(report)
    made = table("Recordings", "mouse", "neurons", "T", "trials", *tiers)
    made.box = box.SIMPLE_HEAD
    for session in report.sessions:
        cells = [_cell(session, tier) for tier in tiers]
        numbers = [session.neurons, session.frames, session.videos]
        made.add_row(session.name, *["?" if n is None else str(n) for n in numbers], *cells)
    if any("*" in str(cell) for column in made.columns for cell in column.cells):
        made.caption = "* responses withheld or missing"
        made.caption_justify = "left"
    return uncut(made)


def _folders(data: Path) -> tuple[list[Path], list[Path]]:
    """Sessions, and other folders beside them; hidden ones are neither."""
    if not data.is_dir():
        raise RecordingError(
            f"there is no folder {data}", "Give the folder that holds the sessions."
        )
    if _is_session(data):
        return [data], []
    try:
        folders = sorted(path for path in data.iterdir() if path.is_dir())
    except OSError as error:
        message = f"{data} cannot be listed: {error.strerror or error}"
        raise RecordingError(message, "Check that you may read the folder.") from error
    shown = [path for path in folders if not path.name.startswith(".")]
    sessions = [path for path in shown if _is_session(path)]
    if not sessions:
        message = f"{data} holds no recording: no folder in it has data/ and meta/"
        raise RecordingError(message, "Try 'python -m models synth DIR' for generated recordings.")
    return sessions, [path for path in shown if path not in sessions]


def _damaged_groups(sessions: Sequence[Path]) -> Iterator[RecordingError]:
    """What keeps the groups of films of a store from being read."""
    stores = (path.resolve().parent for path in sessions if is_packed(path))
    for store in dict.fromkeys(stores):
        try:
            remembered(store)
        except RecordingError as error:
            yield error


def _check_of(path: Path) -> SessionCheck | PackedCheck:
    return PackedCheck(PackedSession(path.resolve())) if is_packed(path) else listed_session(path)


def _is_session(path: Path) -> bool:
    """A folder that may not be looked into counts as one, so that it is reported."""
    try:
        return is_packed(path) or any((path / part).is_dir() for part in PARTS)
    except PermissionError:
        return True


def _tiers(report: DataReport) -> list[str]:
    """Tiers that occur, in the usual order, then those that nobody knows."""
    seen = {tier for session in report.sessions for tier in session.tiers}
    return [tier for tier in TIERS if tier in seen] + sorted(seen - set(TIERS))


def _cell(session: SessionReport, tier: str) -> str:
    """Trials of a tier, with the number of those whose responses are not known marked by a star."""
    if not session.tiers:
        return "?"
    trials = session.tiers.get(tier, 0)
    unknown = trials - session.known.get(tier, 0)
    if tier == "none" or not unknown:
        return str(trials)
    return f"{trials}*" if unknown == trials else f"{trials} ({unknown}*)"
