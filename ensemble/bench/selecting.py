"""Greedy selection on moments, against scoring the mean of all predictions anew for each candidate."""

import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ensemble.bench import collecting
from ensemble.bench.measured import Measured, check_room
from ensemble.cross_products import Array64, CrossProducts
from ensemble.moments import Moments
from ensemble.rules.crew import Crew
from ensemble.rules.greedy import STEPS, way
from ensemble.rules.limits import Limits
from ensemble.rules.rule import candidates
from models.bench.figure import Figure, less_is_better, more_is_better
from models.bench.fresh import measure
from models.metrics import EPSILON

PROMISES = {
    "select_ratio": "1,000 times better",
    "select_error": "at most 1e-6",
    "moments_peak_mb": "below 1,430 MiB (1.5 GB)",
}
LEAST_ERROR = 1e-16
"""Errors that are smaller are taken to be this one, so that they can be compared."""

Array = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Size:
    """How much is chosen from."""

    members: int = 20
    neurons: int = 2000
    frames: int = 8000
    block: int = 250
    """Frames of a block."""
    steps: int = STEPS


@dataclass(frozen=True)
class Found:
    """How both ways did."""

    ours_s: float
    """Of all steps."""
    collect_s: float
    """Of the pass that makes the moments, once for all rules."""
    plain_s: float
    """Of one candidate, median."""
    scored: int
    """Candidates that this was measured on."""
    error: float
    plain_error: float
    """That of single precision."""


def bench_selecting(size: Size, share: float = 1.0, folder: Path | None = None) -> Measured:
    """Choose from predictions in memory, and collect moments from files in a temporary folder.

    Raises StorageError without room for them in `folder`.
    """
    place, mouse = folder or Path(tempfile.gettempdir()), collecting.Held.of(share)
    check_room(place, 2 * mouse.bytes)
    found = compare(size)
    with tempfile.TemporaryDirectory(dir=place, prefix="bench-") as name:
        mouse.write(Path(name))
        ours = measure("ensemble.bench.collecting:collected", name, mouse.members, share)
        plain = measure("ensemble.bench.collecting:read_whole", name, collecting.READ)
    factor = mouse.members / collecting.READ
    peak = less_is_better("moments_peak_mb", ours.peak_mb, "MiB", factor * plain.peak_mb)
    return Measured([*_figures(size, found), peak], (*_said(size, found), *mouse.said(ours.result)))


def _figures(size: Size, found: Found) -> list[Figure]:
    """Candidates a second: what the plain way would have had to score in as many steps."""
    rate = size.steps * size.members / found.ours_s
    errors = [max(each, LEAST_ERROR) for each in (found.error, found.plain_error)]
    return [
        more_is_better("select_ratio", rate, "candidates/s", 1 / found.plain_s),
        less_is_better("select_error", errors[0], "correlation", errors[1]),
    ]


def _said(size: Size, found: Found) -> tuple[str, ...]:
    tried = size.steps * size.members
    whole = tried * found.plain_s
    with_pass = whole / (found.ours_s + found.collect_s)
    return (
        f"{size.steps} steps: {found.ours_s:.3f} s; the plain way {whole:,.0f} s, measured on"
        f" {found.scored} of {tried} candidates and multiplied",
        f"the pass that collects the moments takes {found.collect_s:.1f} s, once for all rules;"
        f" with it the plain way takes {with_pass:,.0f} times as long",
        "select_error: the largest difference from direct scores on the way; the plain way's is that"
        " of single precision",
    )


def compare(size: Size) -> Found:
    """Both ways on the same predictions; the plain one scores the points that ours passes."""
    predictions, response = _made(size)
    began = time.perf_counter()
    moments = _moments(size, predictions, response)
    collected = time.perf_counter()
    crew = Crew.of({"mouse": moments})
    kept = candidates(crew, Limits())
    points, scores = way(crew.of_members(kept), Limits(), size.steps)
    chosen = time.perf_counter()
    plain = list(_plain_scores(points, predictions[kept], response))
    direct = np.array([each.double for each in plain])
    return Found(
        ours_s=chosen - collected,
        collect_s=collected - began,
        plain_s=statistics.median(each.seconds for each in plain[1:]),
        scored=len(plain) - 1,
        error=float(np.abs(direct - scores).max()),
        plain_error=max(abs(each.single - each.double) for each in plain),
    )


@dataclass(frozen=True)
class _Plain:
    """One candidate, scored directly."""

    double: float
    single: float
    seconds: float
    """Of the score in double precision."""


def _plain_scores(
    points: Sequence[Array64], predictions: Array, response: Array
) -> Iterator[_Plain]:
    """The points of the way; after the start each adds one member to the sum so far."""
    total, wanted = np.zeros(response.shape), response.astype(np.float64)
    before = np.zeros(len(predictions))
    for counts in points:
        added = np.repeat(np.arange(len(counts)), (counts - before).astype(int))
        for member in added[:-1]:
            total += predictions[member]
        count, candidate = int(counts.sum()), predictions[added[-1]]
        began = time.perf_counter()
        double = candidate_score(total, candidate, count, wanted)
        seconds = time.perf_counter() - began
        mean = (total + candidate).astype(np.float32) / np.float32(count)
        yield _Plain(double, float(correlations(mean, response).mean()), seconds)
        total += candidate
        before = counts


def candidate_score(total: Array, candidate: Array, count: int, response: Array) -> float:
    """The score of the mean of `count` members: those in `total` (N, F), and the candidate (N, F)."""
    mean = (total + candidate) / count
    return float(correlations(mean, response).mean())


def correlations(prediction: Array, response: Array) -> Array:
    """(N,) Pearson correlation over frames, as the organisers compute it."""
    ours = prediction - prediction.mean(axis=1, keepdims=True)
    theirs = response - response.mean(axis=1, keepdims=True)
    spreads = (prediction.std(axis=1) + EPSILON) * (response.std(axis=1) + EPSILON)
    found: Array = (ours * theirs).mean(axis=1) / spreads
    return found


def _moments(size: Size, predictions: Array, response: Array) -> Moments:
    """All frames count."""
    blocks = {}
    for start in range(0, size.frames, size.block):
        frames = slice(start, start + size.block)
        blocks[f"{start:06d}"] = CrossProducts.of(predictions[..., frames], response[:, frames])
    return Moments(blocks)


def _made(size: Size) -> tuple[Array, Array]:
    """(M, N, F) and (N, F): a signal with noise, and members that know it more or less well."""
    random = np.random.default_rng(0)
    shape = (size.neurons, size.frames)
    signal = random.standard_normal(shape, np.float32)
    predictions = random.standard_normal((size.members, *shape), np.float32)
    for member, each in enumerate(predictions):
        each *= np.float32(1 + 2 * member / size.members)
        each += signal
    signal += 2 * random.standard_normal(shape, np.float32)
    return predictions, signal
