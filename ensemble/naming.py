"""What submission files are called, which tier each holds and which zip each goes into.

The server refuses other names. Scheme "user" is the one this project was asked for, and the
competition's own until 15 September 2023; "current" is what the organisers ask for since. They
differ in the out-of-distribution (bonus) track only.
"""

import difflib
from dataclasses import dataclass
from typing import Literal, get_args

from models.recordings.layout import BONUS_TIERS, MAIN_TIERS

Scheme = Literal["user", "current"]
SCHEMES: tuple[Scheme, ...] = get_args(Scheme)
SUFFIX = ".parquet.brotli"
LARGEST_UPLOAD = 5_000_000_000
"""Bytes; larger uploads are refused."""


@dataclass(frozen=True)
class Target:
    """One file of a submission."""

    stem: str
    """The name without its ending."""
    tier: str
    """The tier whose trials it holds."""
    archive: str
    """The zip it is uploaded in."""

    @property
    def file(self) -> str:
        """The name that the server accepts."""
        return self.stem + SUFFIX


_MAIN = tuple(
    Target(f"predictions_{phase}_main", tier, "predictions_main.zip")
    for phase, tier in zip(("live", "final"), MAIN_TIERS, strict=True)
)
_OOD_TOGETHER = tuple(
    Target(f"predictions_{phase}_ood", tier, "predictions_ood.zip")
    for phase, tier in zip(("live", "final"), BONUS_TIERS, strict=True)
)
_OOD_APART = tuple(
    Target(f"predictions_{tier}_ood", tier, f"predictions_{tier}_ood.zip") for tier in BONUS_TIERS
)
_TARGETS: dict[Scheme, tuple[Target, ...]] = {
    "user": _MAIN + _OOD_TOGETHER,
    "current": _MAIN + _OOD_APART,
}


def targets(scheme: Scheme = "user") -> tuple[Target, ...]:
    """The four files of a submission: live and final of the main track, then of the other."""
    return _TARGETS[scheme]


def archives(scheme: Scheme = "user") -> dict[str, tuple[Target, ...]]:
    """The files of every zip, by the zip's name, in the order of `targets`."""
    names = dict.fromkeys(target.archive for target in targets(scheme))
    return {
        name: tuple(target for target in targets(scheme) if target.archive == name)
        for name in names
    }


def schemes_of(name: str) -> tuple[Scheme, ...]:
    """The schemes in which `name` is a file's name: none, one, or both for the main track."""
    return tuple(s for s in SCHEMES if any(target.file == name for target in targets(s)))


def tier_of(name: str) -> str | None:
    """The tier that a file of this name holds; None for a name the server refuses."""
    return next((t.tier for s in SCHEMES for t in targets(s) if t.file == name), None)


def file_names(scheme: Scheme | None = None) -> list[str]:
    """The names of one scheme, or of both without repetition."""
    wanted = SCHEMES if scheme is None else (scheme,)
    return list(dict.fromkeys(target.file for s in wanted for target in targets(s)))


def nearest(name: str, names: list[str]) -> str | None:
    """What was probably meant; None where nothing is similar."""
    return next(iter(difflib.get_close_matches(name, names, n=1)), None)
