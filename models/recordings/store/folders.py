"""Where packed sessions lie.

    <data>.packed/<session>/header.json       what the session is, where each trial lies, checksums
    <data>.packed/<session>/videos.npy        (F, H, W) uint8 where that loses nothing, else float16
    <data>.packed/<session>/behaviour.npy     (F, 4) float32: pupil dilation, speed, pupil centre x, y
    <data>.packed/<session>/responses.npy     (R, N) float16, or float32
    <data>.packed/<session>/moments.npy       (n, 2, N) float64: mean and deviation in each trial
    <data>.packed/<session>/source.json       the files that it was made of, by size and time
    <data>.packed/<session>/meta/             the organisers' own: neurons, trials, statistics
    <data>.packed/films.json                  the groups of films, and so the folds, of all sessions

F are the valid frames of all trials end to end, R those of the trials whose responses are known.
"""

from pathlib import Path

SUFFIX = ".packed"
HEADER, SOURCE, META = "header.json", "source.json", "meta"
VIDEOS, BEHAVIOUR, RESPONSES, MOMENTS = "videos", "behaviour", "responses", "moments"
ARRAYS = (VIDEOS, BEHAVIOUR, RESPONSES)
"""Those with checksums a trial."""


def packed_folder(data: Path) -> Path:
    """Where the packed form of a data set lies unless another place is asked for."""
    resolved = data.resolve()
    return resolved.parent / f"{resolved.name}{SUFFIX}"


def is_packed(path: Path) -> bool:
    """Whether a folder is one packed session, if perhaps a damaged one; not where it may not be read."""
    try:
        return (path / HEADER).is_file() or (path / f"{VIDEOS}.npy").is_file()
    except PermissionError:
        return False


def packed_sessions(store: Path) -> list[Path]:
    """The packed sessions in a store, by name."""
    if not store.is_dir():
        return []
    return sorted(p for p in store.iterdir() if not p.name.startswith(".") and is_packed(p))
