"""Encodes a row of a Parquet file while the next one is made, and has the disk write meanwhile.

Encoding and fsync leave Python's lock to others, so that a second core can do them.
"""

import os
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa


class Encoder:
    """One row is encoded and one flush is under way at a time."""

    def __init__(self, writer: Any, path: Path) -> None:
        """`writer` is a ParquetWriter that writes to `path`."""
        self._writer, self._path = writer, path
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="encoding")
        self._row: Future[None] | None = None
        self._flush: Future[None] | None = None

    def __enter__(self) -> Self:
        self._file = os.open(self._path, os.O_RDONLY)
        return self

    def write(self, batch: Any) -> None:
        """Begin with a record batch, as a row group, once the one before is done; raises its error.

        Its buffers must stay as they are until then.
        """
        self._wait()
        self._row = self._threads.submit(self._encode, batch)

    def _encode(self, batch: Any) -> None:
        self._writer.write_table(pa.Table.from_batches([batch]))
        if self._flush is None or self._flush.done():
            # What is on the disk already the end need not wait for; it asks whether all is there.
            self._flush = self._threads.submit(os.fdatasync, self._file)

    def _wait(self) -> None:
        row, self._row = self._row, None
        if row is not None:
            row.result()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                self._wait()
        finally:
            self._threads.shutdown()
            os.close(self._file)
