"""A batch in parts that fit into memory."""

from collections.abc import Iterator

from models.recordings.clips import ClipBatch


def parts_of(batch: ClipBatch, clips: int) -> Iterator[ClipBatch]:
    """The batch from first to last, `clips` clips at a time, the last part with what is left."""
    total = len(batch.video)
    if clips >= total:
        yield batch
        return
    for first in range(0, total, clips):
        yield _part(batch, slice(first, min(first + clips, total)))


def _part(batch: ClipBatch, wanted: slice) -> ClipBatch:
    rows, responses = [], []
    for (mouse, own), response in zip(batch.rows, batch.responses, strict=True):
        first, last = max(own.start, wanted.start), min(own.stop, wanted.stop)
        if first < last:
            rows.append((mouse, slice(first - wanted.start, last - wanted.start)))
            responses.append(response[first - own.start : last - own.start])
    return ClipBatch(batch.video[wanted], batch.behaviour[wanted], responses, rows)
