"""Which trials have which files, and what else lies beside them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from models.recordings.checks.findings import MAY_READ, Findings
from models.recordings.layout import KINDS, NEW_HASH

FOLDER = "must be a folder of the session"
HAS_TRIALS = "must hold the video of at least one trial"
COMPLETE = "must exist, because the trial has other files"
PLAIN_NAME = "must be named by the trial's plain number, as in 7.npy"
STRAY = "should hold nothing but <trial>.npy (passed over here; the organisers' loader stops)"
ALL_RESPONSES = "should exist for every trial of a new mouse (the organisers' loader stops)"
NEEDED = tuple(kind for kind in KINDS if kind != "responses")


@dataclass(frozen=True)
class TrialFiles:
    """The trials of one session by what lies in its four data folders."""

    ids: Mapping[str, frozenset[int]]
    """Per kind of array; a kind whose folder is missing is absent."""

    @property
    def videos(self) -> list[int]:
        """Trials that have a video, ascending: those that the reader knows."""
        return sorted(self.ids.get("videos", ()))

    @property
    def any(self) -> frozenset[int]:
        """Trials that have at least one file."""
        return frozenset().union(*self.ids.values())

    def has(self, kind: str, trial: int) -> bool:
        """Whether the trial has an array of this kind."""
        return trial in self.ids.get(kind, ())


def list_files(session: Path, findings: Findings) -> TrialFiles:
    """Look into the four data folders; every trial needs video, behaviour and pupil centre.

    Missing responses are allowed: old mice lack some.
    """
    listed = {kind: _ids(session / "data" / kind, findings) for kind in KINDS}
    files = TrialFiles({kind: ids for kind, ids in listed.items() if ids is not None})
    if listed["videos"] is not None and not files.videos:
        findings.problem(session / "data/videos", HAS_TRIALS, "none")
    for kind in NEEDED:
        for trial in sorted(files.any - files.ids.get(kind, files.any)):
            findings.problem(session / f"data/{kind}/{trial}.npy", COMPLETE, "no such file")
    if session.resolve().name.endswith(NEW_HASH):
        for trial in sorted(files.any - files.ids.get("responses", files.any)):
            path = session / f"data/responses/{trial}.npy"
            findings.warning(path, ALL_RESPONSES, "no such file")
    return files


def _ids(folder: Path, findings: Findings) -> frozenset[int] | None:
    try:
        names = sorted(entry.name for entry in folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        findings.problem(folder, FOLDER, "no such folder")
    except PermissionError:
        findings.problem(folder, FOLDER, "no permission to look into it", MAY_READ)
    else:
        return frozenset(
            _id for name in names if (_id := _trial(folder / name, findings)) is not None
        )
    return None


def _trial(path: Path, findings: Findings) -> int | None:
    """The trial that a file is named by, if it is."""
    if path.suffix != ".npy" or not path.stem.isdecimal():
        findings.warning(path, STRAY, path.name)
    elif str(int(path.stem)) != path.stem:
        remedy = f"Rename files such as {path.name} to {int(path.stem)}.npy, or remove them."
        findings.problem(path, PLAIN_NAME, path.name, remedy)
    else:
        return int(path.stem)
    return None
