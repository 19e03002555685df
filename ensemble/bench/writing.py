"""A submission file written from arrays, against records of nested Python lists through pandas."""

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ensemble.bench.made import FILE, SLICE, mice, rows_of, slice_of, values_of
from ensemble.bench.measured import Measured, check_room
from ensemble.bench.plain import write_records
from ensemble.columns import schema
from ensemble.reader import read_rows
from ensemble.submission import Row, write_submission
from models.bench.figure import Figure, less_is_better, more_is_better
from models.bench.fresh import measure

ROUNDS = 3
"""Each time of the slice is the median of so many, taken in turns with the plain way's."""
DTYPES = ("float64", "float32")
PROMISES = {
    "write_ratio_float64": "15 times better",
    "write_ratio_float32": "20 times better, aim 30",
    "write_peak_mb": "below 954 MiB (1 GB)",
    "write_wall_s": "",
}


class Making:
    """Rows that are made as they are asked for, and the seconds that this took."""

    def __init__(self, rows: Iterator[Row]) -> None:
        self.seconds, self._rows = 0.0, rows

    def __iter__(self) -> Iterator[Row]:
        return self

    def __next__(self) -> Row:
        began = time.perf_counter()
        try:
            return next(self._rows)
        finally:
            self.seconds += time.perf_counter() - began


def written_whole(path: str, share: str) -> float:
    """Seconds to write a whole file, in a process of its own; making the rows does not count."""
    rows = Making(rows_of(mice(float(share))))
    began = time.perf_counter()
    write_submission(Path(path), rows)
    return time.perf_counter() - began - rows.seconds


def bench_writing(share: float = 1.0, folder: Path | None = None, rounds: int = ROUNDS) -> Measured:
    """Write in a temporary folder in `folder`. Raises StorageError without room for it.

    ArithmeticError where both ways write other values.
    """
    place, made = folder or Path(tempfile.gettempdir()), mice(share)
    check_room(place, 9 * values_of(made))
    with tempfile.TemporaryDirectory(dir=place, prefix="bench-") as name:
        rows = slice_of(made)
        speeds, said = _speeds(Path(name), rows, rounds)
        factor = values_of(made) / _values(rows)
        plain = measure("ensemble.bench.plain:written", Path(name) / "plain", share)
        path = Path(name) / FILE
        whole = measure("ensemble.bench.writing:written_whole", path, share)
        size = path.stat().st_size
    figures = [
        *speeds,
        less_is_better("write_peak_mb", whole.peak_mb, "MiB", factor * plain.peak_mb),
        less_is_better("write_wall_s", whole.result, "s", factor * plain.result),
    ]
    told = (
        "values: exponentials of smoothed noise times precision; positive, smooth in time",
        f"slice: {len(rows)} trials, {_values(rows):,} values, in turns, median of {rounds}",
        f"whole file: {values_of(made):,} values, {size / 1e9:.2f} GB; time without making them",
        f"its plain way: measured on the slice of {SLICE} trials, times {factor:.1f}",
        *said,
    )
    return Measured(figures, told)


@dataclass(frozen=True)
class _Seconds:
    """What one writing took."""

    wall: float
    processor: float

    @classmethod
    def of(cls, way: Callable[[], object]) -> "_Seconds":
        began, used = time.perf_counter(), time.process_time()
        way()
        return cls(time.perf_counter() - began, time.process_time() - used)


def _doubles(folder: Path, rows: Sequence[Row]) -> str:
    """How values compare in one turn whose every bit of a double is noise, which no file compresses."""
    random = np.random.default_rng(0)
    full = [
        Row(
            r.mouse,
            r.trial,
            r.prediction * random.uniform(1, 1.000001, r.prediction.shape),
            r.neuron_ids,
        )
        for r in rows
    ]
    plain = _Seconds.of(lambda: write_records(folder / "plain", full)).wall
    ours = _Seconds.of(lambda: write_submission(folder / "slice", full)).wall
    return f"of doubles whose every bit is noise {plain / ours:.1f} times as many values a second, once"


def _speeds(folder: Path, rows: Sequence[Row], rounds: int) -> tuple[list[Figure], list[str]]:
    """Millions of values a second; the plain way's are float64 in both figures."""
    turns = _turns(folder, rows, rounds)
    wall = {name: statistics.median(each.wall for each in taken) for name, taken in turns.items()}
    used = {
        name: statistics.median(each.processor for each in taken) for name, taken in turns.items()
    }
    million = {name: _values(rows) / 1e6 / seconds for name, seconds in wall.items()}
    figures = [
        more_is_better(f"write_ratio_{dtype}", million[dtype], "M values/s", million["plain"])
        for dtype in DTYPES
    ]
    less = (f"{used['plain'] / used[dtype]:.1f} times less as {dtype}" for dtype in DTYPES)
    return figures, [
        f"processor time, which a busy machine changes less: {', '.join(less)}",
        "float32: beside the plain way's float64, as lists hold no other; with a schema of float32"
        f" pandas takes {wall['plain32'] / wall['float32']:.1f} times as long as ours",
        _doubles(folder, rows),
    ]


def _turns(folder: Path, rows: Sequence[Row], rounds: int) -> dict[str, list[_Seconds]]:
    """Each way's times."""
    path, plain = folder / "slice", folder / "plain"
    halves = [Row(r.mouse, r.trial, r.prediction.astype(np.float32), r.neuron_ids) for r in rows]
    ways: dict[str, Callable[[], object]] = {
        "float32": lambda: write_submission(path, rows, dtype="float32"),
        "float64": lambda: write_submission(path, rows),
        "plain32": lambda: write_records(plain, halves, schema(dtype="float32")),
        "plain": lambda: write_records(plain, rows),
    }
    write_submission(path, rows)  # the first one also loads libraries
    turns = [{name: _Seconds.of(way) for name, way in ways.items()} for _ in range(rounds)]
    _check_same(path, plain, rows)
    return {name: [turn[name] for turn in turns] for name in ways}


def _values(rows: Sequence[Row]) -> int:
    return sum(row.prediction.size for row in rows)


def _check_same(path: Path, plain: Path, rows: Sequence[Row]) -> None:
    for row, ours, theirs in zip(rows, read_rows(path), read_rows(plain), strict=True):
        each = (ours.prediction, theirs.prediction)
        if not all(np.array_equal(row.prediction, found) for found in each):
            raise ArithmeticError(f"both ways write the same values; {row} has others")
