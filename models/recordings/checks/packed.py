"""A packed session being checked: its checksums, and what the table of recordings shows of it."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from models.errors import RecordingError
from models.recordings.checks.report import SessionReport
from models.recordings.layout import read_array
from models.recordings.store.folders import META
from models.recordings.store.header import Header, pack_again
from models.recordings.store.packed import PackedSession
from models.recordings.store.verify import damages


@dataclass(frozen=True)
class PackedCheck:
    """One packed session."""

    session: PackedSession

    @property
    def path(self) -> Path:
        """Its folder."""
        return self.session.path

    @property
    def trials(self) -> int:
        """How many there are; 0 where the header cannot be read."""
        header = self._header()
        return len(header.trials) if header else 0

    def run(self, done: Callable[[], None]) -> SessionReport:
        """Read everything; `done` is called after each trial."""
        problems = tuple(damages(self.session, done))
        header = self._header()
        trials = header.trials if header else ()
        arrays = header.arrays if header else {}
        lengths = Counter(trial.length for trial in trials)
        tiers = Counter(trial.tier for trial in trials)
        return SessionReport(
            path=self.path,
            name=self.path.name,
            neurons=arrays["responses"].shape[1] if arrays else None,
            frames=max(lengths, default=None),
            lengths=dict(sorted(lengths.items())),
            tiers=tiers if problems else _with_gaps(self.path, tiers),
            known=Counter(trial.tier for trial in trials if trial.responses == "known"),
            videos=len(trials),
            types={name: (array.dtype,) for name, array in arrays.items()},
            problems=problems,
            warnings=(),
            remedies=(pack_again(self.path),) if problems else (),
        )

    def _header(self) -> Header | None:
        try:
            return self.session.header
        except RecordingError:
            return None


def _with_gaps(session: Path, tiers: Counter[str]) -> Counter[str]:
    """The trials of each tier, with the entries `none` of tiers.npy that have no video."""
    gaps = int((read_array(session / META / "trials/tiers.npy") == "none").sum())
    return tiers | Counter({"none": gaps} if gaps else {})
