"""What a submission was made of: manifest.json beside its files."""

import datetime
import hashlib
import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ensemble.evaluation import TierScores
from ensemble.members import Member
from ensemble.selection import Selection
from models.config import RunConfig
from models.errors import UserError
from models.files import sha256, write_json
from models.runs import code_version, package_versions

NAME = "manifest.json"


class MemberEntry(BaseModel):
    """A run that takes part."""

    model_config = ConfigDict(frozen=True)

    label: str
    """Its number in the search, or its folder's name."""
    folder: str
    config_hash: str
    """Twelve hexadecimal digits of its configuration."""
    weights_sha256: str
    held_out_score: float | None
    """None of an imported run, whose held-out trials are not known."""
    weight: float


class FileEntry(BaseModel):
    """A file of the submission."""

    model_config = ConfigDict(frozen=True)

    name: str
    bytes: int
    sha256: str


class Manifest(BaseModel):
    """What manifest.json holds."""

    model_config = ConfigDict(frozen=True)

    source: str
    """Where the members come from, in words."""
    left_out: dict[str, int]
    """Runs that were no candidates, by reason."""
    rule: str
    """How members and weights were chosen, in words."""
    members: list[MemberEntry]
    selection: Selection
    evaluation: tuple[TierScores, ...]
    data: str
    data_fingerprint: str
    mice: list[str]
    """The scored ones, in the order of the files' rows."""
    options: dict[str, Any]
    files: list[FileEntry]
    commit: str = Field(default_factory=code_version)
    packages: dict[str, str] = Field(
        default_factory=lambda: package_versions() | {"pyarrow": pa.__version__}
    )
    created: str = Field(
        default_factory=lambda: datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    )

    def write(self, folder: Path) -> Path:
        """Write it to `folder`, atomically."""
        write_json(folder / NAME, self.model_dump(mode="json"))
        return folder / NAME

    @classmethod
    def read(cls, folder: Path) -> "Manifest":
        """The manifest in `folder`; a UserError where there is none or it is not readable."""
        path = folder / NAME
        try:
            return cls.model_validate_json(path.read_text())
        except FileNotFoundError as error:
            remedy = "Write a submission with 'python -m ensemble build'."
            raise UserError(f"{path} is missing", remedy) from error
        except ValidationError as error:
            message = f"{path} is not a manifest: {error.errors()[0]['msg']}"
            raise UserError(message, "Build the submission again.") from error


def member_entry(member: Member, weight: float) -> MemberEntry:
    """A member as it is on disk now."""
    return MemberEntry(
        label=member.label,
        folder=str(member.run.path),
        config_hash=config_hash(member.record.config),
        weights_sha256=sha256(member.run.weights),
        held_out_score=None if math.isnan(member.score) else member.score,
        weight=weight,
    )


def file_entries(paths: Iterable[Path]) -> list[FileEntry]:
    """Files as they are on disk now."""
    return [
        FileEntry(name=path.name, bytes=path.stat().st_size, sha256=sha256(path)) for path in paths
    ]


def config_hash(config: RunConfig) -> str:
    """Twelve hexadecimal digits that are the same for the same configuration."""
    content = json.dumps(config.model_dump(mode="json"), sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:12]
