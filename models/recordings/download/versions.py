"""What tells one version of a file on a server from another."""

from collections.abc import Mapping
from dataclasses import astuple, dataclass, fields
from typing import Any


@dataclass(frozen=True)
class Version:
    """Length in bytes, ETag and Last-Modified as the server writes them; None is what it keeps back."""

    length: int | None = None
    etag: str | None = None
    modified: str | None = None

    @classmethod
    def of(cls, headers: Mapping[str, str], length: int | None) -> "Version":
        """The version that an answer's headers speak of."""
        return cls(length, headers.get("ETag"), headers.get("Last-Modified"))

    @classmethod
    def parsed(cls, content: Any) -> "Version | None":
        """What was written as JSON; None where it is anything else."""
        keys = {field.name for field in fields(cls)}
        return cls(**content) if isinstance(content, dict) and set(content) == keys else None

    def same_as(self, other: "Version") -> bool:
        """Whether all that both know agrees. Versions that have nothing in common are not the same."""
        pairs = zip(self._known(), other._known(), strict=True)
        common = [(mine, theirs) for mine, theirs in pairs if None not in (mine, theirs)]
        return bool(common) and all(mine == theirs for mine, theirs in common)

    @property
    def condition(self) -> str | None:
        """The value of If-Range, where weak ETags are not allowed."""
        if self.etag and not self.etag.startswith("W/"):
            return self.etag
        return self.modified

    def _known(self) -> tuple[int | str | None, ...]:
        return astuple(self)
