"""A file of real size checked row by row, against pandas, which reads it whole."""

import tempfile
import time
from pathlib import Path

from ensemble.bench.made import FILE, SLICE, mice, rows_of, slice_of, values_of
from ensemble.bench.measured import Measured, check_room
from ensemble.check import check_submission
from ensemble.submission import write_submission
from models.bench.figure import less_is_better
from models.bench.fresh import measure

PROMISES = {"check_peak_mb": "below 954 MiB (1 GB)"}


def checked(path: str, data: str) -> float:
    """Seconds to check a file, in a process of its own. ArithmeticError where it is found wrong."""
    began = time.perf_counter()
    report = check_submission(Path(path), Path(data))
    if not report.ok:
        raise ArithmeticError(f"the file is right; found {report.problems[0]}")
    return time.perf_counter() - began


def bench_checking(share: float = 1.0, folder: Path | None = None) -> Measured:
    """Write and check a whole file in a temporary folder in `folder`; StorageError without room."""
    place, made = folder or Path(tempfile.gettempdir()), mice(share)
    check_room(place, 9 * values_of(made))
    with tempfile.TemporaryDirectory(dir=place, prefix="bench-") as name:
        path, data, part = Path(name) / FILE, Path(name) / "data", Path(name) / "slice"
        for mouse in made:
            mouse.write_session(data)
        write_submission(path, rows_of(made))
        rows = slice_of(made)
        write_submission(part, rows)
        ours = measure("ensemble.bench.checking:checked", path, data)
        plain = measure("ensemble.bench.plain:read", part)
        size = path.stat().st_size
    factor = values_of(made) / plain.result
    figure = less_is_better("check_peak_mb", ours.peak_mb, "MiB", factor * plain.peak_mb)
    said = (
        f"file: {values_of(made):,} values, {size / 1e9:.2f} GB, checked in {ours.result:.0f} s",
        "recordings: the real mice, neurons and trials of the tier; no videos, no responses",
        f"plain way: pandas reads a slice of {SLICE} trials, times {factor:.1f}",
    )
    return Measured([figure], said)
