"""The packed store against the plain ways, on a generated session of the competition's size."""

import os
import shutil
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from models.bench.figure import Figure, less_is_better, more_is_better
from models.bench.fresh import Measured, measure
from models.bench.generated import write_session
from models.errors import StorageError
from models.files import free_bytes, storage_error
from models.recordings.store.source import marks_of

READING = "models.bench.reading"
ROUNDS = 3
"""Each speed is the median of so many, taken in turns with the plain way's."""
PROMISES = {
    "clips_ratio": "100 times better",
    "pack_ratio": "0.5 times, or better",
    "pack_peak_mb": "below 1,024 MiB",
    "sample_peak_mb": "below 300 MiB",
    "first_batch_s": "below 0.3 s",
}


@dataclass(frozen=True)
class Size:
    """The generated session."""

    neurons: int = 7863
    frames: int = 324
    trials: int = 60
    dtype: str = "float64"
    """With 711 trials a session of this type is 19 GB, as the competition's are."""

    @property
    def bytes(self) -> int:
        """Of all of its arrays, about."""
        width = {"float64": 8, "float32": 4}[self.dtype]
        return self.trials * self.frames * (self.neurons + 36 * 64 + 4) * width


def bench_recordings(size: Size, folder: Path | None = None, rounds: int = ROUNDS) -> list[Figure]:
    """Generate, copy, pack and draw in a temporary folder in `folder`; StorageError without room."""
    place = folder or Path(tempfile.gettempdir())
    _check_room(place, size)
    try:
        return _measured(size, place, rounds)
    except OSError as error:
        raise storage_error(place, error) from error


def _measured(size: Size, place: Path, rounds: int) -> list[Figure]:
    with tempfile.TemporaryDirectory(dir=place) as name:
        data, store = Path(name) / "data", Path(name) / "data.packed"
        session = write_session(data, size.neurons, size.frames, size.trials, size.dtype)
        packing = _packing(data, session, store, rounds)
        drawing = [_drawing(data, store) for _ in range(rounds)]
        first = measure(f"{READING}:first_batch_from_store", store)
        in_memory = measure(f"{READING}:first_batch_from_memory", data)
    ours, plain = zip(*drawing, strict=True)
    return [
        more_is_better("clips_ratio", _median(ours), "clips/s", _median(plain)),
        packing.speed,
        less_is_better("pack_peak_mb", packing.peak_mb, "MiB", in_memory.peak_mb),
        less_is_better("sample_peak_mb", max(m.peak_mb for m in ours), "MiB", in_memory.peak_mb),
        less_is_better("first_batch_s", first.result, "s", in_memory.result),
    ]


@dataclass(frozen=True)
class _Packing:
    speed: Figure
    peak_mb: float


def _packing(data: Path, session: Path, store: Path, rounds: int) -> _Packing:
    """Pack and copy in turns; the last packed store stays."""
    copies, packs, peaks = [], [], []
    for _ in range(rounds):
        os.sync()  # so that neither pays for what the other left to be written
        copies.append(_copied_in(session, data.with_name("copy")))
        shutil.rmtree(store, ignore_errors=True)
        os.sync()
        packed = measure(f"{READING}:packed_in", data, store, os.cpu_count() or 1)
        packs.append(packed.result)
        peaks.append(packed.peak_mb)
    size = marks_of(session).size / 1e6
    ours, plain = (size / statistics.median(seconds) for seconds in (packs, copies))
    return _Packing(more_is_better("pack_ratio", ours, "MB/s", plain), max(peaks))


def _drawing(data: Path, store: Path) -> tuple[Measured, Measured]:
    ours = measure(f"{READING}:clips_from_store", store)
    return ours, measure(f"{READING}:clips_from_files", data)


def _copied_in(session: Path, copy: Path) -> float:
    """Seconds to copy the session's files, until they are on the disk as packed ones are."""
    began = time.perf_counter()
    shutil.copytree(session, copy)
    os.sync()
    seconds = time.perf_counter() - began
    shutil.rmtree(copy)
    return seconds


def _median(measured: tuple[Measured, ...]) -> float:
    return statistics.median(each.result for each in measured)


def _check_room(place: Path, size: Size) -> None:
    wanted, free = 3 * size.bytes, free_bytes(place)
    if wanted > free:
        message = (
            f"the benchmark writes up to {wanted / 1e9:.1f} GB; {place} has {free / 1e9:.1f} GB"
        )
        raise StorageError(message, "Choose another --folder, or fewer --trials.")
