"""Whether a Parquet file has a submission's compression, columns and types."""

from typing import Any

from ensemble.column_types import EXACT, READABLE, WANTED
from ensemble.columns import COLUMNS
from models.errors import Problem


class Structure:
    """Problems of a file as a whole, and the columns whose rows can be looked at."""

    def __init__(self, file: Any) -> None:
        """Look at an open Parquet file; no row is read."""
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []
        self.readable: list[str] = []
        self._check_compression(file.metadata)
        self._check_names(file.schema_arrow.names)
        for name in COLUMNS:
            if name in file.schema_arrow.names:
                self._check_type(name, file.schema_arrow.field(name).type)

    def _check_compression(self, metadata: Any) -> None:
        used = {
            metadata.row_group(group).column(column).compression
            for group in range(metadata.num_row_groups)
            for column in range(metadata.row_group(group).num_columns)
        }
        if used - {"BROTLI"}:
            found = ", ".join(sorted(used))
            self.problems.append(Problem("file", "every column is compressed with Brotli", found))

    def _check_names(self, names: list[str]) -> None:
        if names == list(COLUMNS):
            return
        missing = [name for name in COLUMNS if name not in names]
        extra = [name for name in names if name not in COLUMNS]
        found = [f"no {name}" for name in missing] + [f"also {name}" for name in extra]
        found = found or [f"the order {', '.join(names)}"]
        rule = f"the columns are exactly {', '.join(COLUMNS)}"
        self.problems.append(Problem("columns", rule, ", ".join(found)))

    def _check_type(self, name: str, kind: Any) -> None:
        where, rule = f"column {name}", f"the type is {WANTED[name]}"
        if not READABLE[name](kind):
            self.problems.append(Problem(where, rule, str(kind)))
            return
        self.readable.append(name)
        if not EXACT[name](kind):
            self.warnings.append(Problem(where, rule, str(kind)))
