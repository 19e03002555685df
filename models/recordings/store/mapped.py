"""A .npy file mapped into memory: read where it lies, shared by all processes of a machine."""

import mmap
from pathlib import Path

import numpy as np

from models.errors import RecordingError
from models.recordings.arrays import Numbers
from models.recordings.layout import MALFORMED, read_header
from models.recordings.store.header import PackedArray, pack_again


class MappedArray:
    """See the module's docstring. Raises RecordingError where the file is not what `record` says."""

    def __init__(self, path: Path, record: PackedArray) -> None:
        offset = _checked_offset(path, record)
        self._map: mmap.mmap | None = None
        if 0 in record.shape:  # a file without content cannot be mapped
            self.array: Numbers = np.empty(record.shape, record.dtype)
            return
        with path.open("rb") as file:
            # A private copy-on-write map: torch takes no read-only memory; nobody writes.
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        flat: Numbers = np.frombuffer(self._map, record.dtype, offset=offset)
        self.array = flat.reshape(record.shape)

    def release(self) -> None:
        """Hand the pages that were looked at back; they stay in the system's cache."""
        if self._map is not None:
            self._map.madvise(mmap.MADV_DONTNEED)


def _checked_offset(path: Path, record: PackedArray) -> int:
    """Where the content begins."""
    remedy = pack_again(path.parent)
    try:
        with path.open("rb") as file:
            shape, fortran, dtype = read_header(file)
            offset, size = file.tell(), path.stat().st_size
    except FileNotFoundError as error:
        raise RecordingError(f"{path} is missing", remedy) from error
    except MALFORMED as error:
        reason = str(error).splitlines()[0]
        raise RecordingError(f"{path} is damaged: {reason}", remedy) from error
    if fortran or shape != record.shape or dtype.str != record.dtype:
        told = f"{dtype.str} of shape {shape}; header.json says {record.dtype} of {record.shape}"
        message = f"{path} holds {told}"
        raise RecordingError(message, remedy)
    wanted = offset + dtype.itemsize * int(np.prod(shape, dtype=np.int64))
    if size != wanted:
        raise RecordingError(f"{path} has {size} bytes instead of {wanted}", remedy)
    return offset
