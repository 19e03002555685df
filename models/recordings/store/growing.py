"""A .npy file that grows by rows, and can be continued where it was left."""

import io
import zlib
from pathlib import Path

import numpy as np

from models.files import flush
from models.recordings.arrays import Numbers
from models.recordings.store.header import PackedArray

AT_ONCE = 2**20
"""Bytes written in one go: several megabytes at once took six times as long."""


class GrowingArray:
    """Rows of one type and shape; `close` writes how many there are into the file's beginning."""

    def __init__(self, path: Path, dtype: str, row: tuple[int, ...], rows: int = 0) -> None:
        """Open for appending after the first `rows`; what lies behind them is lost."""
        self.path, self.dtype, self.row, self.rows = path, np.dtype(dtype), row, rows
        self._offset = len(self._beginning())
        path.touch()
        self._file = path.open("r+b")
        self.cut(rows)

    @property
    def row_bytes(self) -> int:
        """Of one row."""
        return self.dtype.itemsize * int(np.prod(self.row, dtype=np.int64))

    @property
    def record(self) -> PackedArray:
        """What the header says of the file."""
        return PackedArray(dtype=self.dtype.str, shape=(self.rows, *self.row))

    def append(self, rows: Numbers) -> int:
        """Write rows at the end; their checksum."""
        content = np.ascontiguousarray(rows, self.dtype)
        whole = content.reshape(-1).view(np.uint8).data
        for first in range(0, len(whole), AT_ONCE):
            self._file.write(whole[first : first + AT_ONCE])
        self.rows += len(rows)
        return zlib.crc32(whole)

    def cut(self, rows: int) -> None:
        """Go on after the first `rows`."""
        self.rows = rows
        end = self._offset + rows * self.row_bytes
        self._file.truncate(end)
        self._file.seek(end)

    def checksum(self, rows: slice) -> int:
        """Of rows that are there, as `append` gave it."""
        self._file.seek(self._offset + rows.start * self.row_bytes)
        return zlib.crc32(self._file.read((rows.stop - rows.start) * self.row_bytes))

    def flush(self) -> None:
        """Give what was appended to the system, so that it outlives this process."""
        self._file.flush()

    def close(self) -> None:
        """Complete the file and wait until it is on the disk."""
        self._file.seek(0)
        self._file.write(self._beginning())
        self._file.close()
        flush(self.path)

    def abandon(self) -> None:
        """Close the file as it is."""
        self._file.close()

    def _beginning(self) -> bytes:
        """numpy leaves room for the number of rows to grow, so that the length stays the same."""
        header = {
            "descr": np.lib.format.dtype_to_descr(self.dtype),
            "fortran_order": False,
            "shape": (self.rows, *self.row),
        }
        buffer = io.BytesIO()
        np.lib.format.write_array_header_1_0(buffer, header)
        return buffer.getvalue()
