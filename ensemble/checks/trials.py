"""Whether a submission has a row for each trial of the scored mice's tier, and no other."""

from collections import Counter
from collections.abc import Sequence

from ensemble.checks.findings import Findings, Place, shortened
from ensemble.checks.presentations import are_presentations
from ensemble.columns import TrialForm
from ensemble.naming import nearest
from ensemble.reader import RawRow, trial_of
from models.errors import Problem
from models.recordings.session import Session


class Trials:
    """The trials that a submission names, row by row, held against the recordings."""

    def __init__(self, sessions: Sequence[Session], mice: Sequence[str], found: Findings) -> None:
        """Breaches go into `found`; `mice` are the scored ones of `sessions`."""
        self._sessions = {session.name: session for session in sessions}
        self._rows: dict[str, dict[int, Place]] = {name: {} for name in mice}
        self._found = found
        self.form: TrialForm | None = None

    @property
    def mice(self) -> tuple[str, ...]:
        """The scored mice that have rows so far."""
        return tuple(name for name, rows in self._rows.items() if rows)

    def add(self, place: Place, row: RawRow) -> tuple[Session | None, int | None]:
        """Note the trial of a row; return what it is about, as far as that is known."""
        session = self._session(place, row.mouse)
        trial = self._trial(place, row.trial)
        if session is None or trial is None:
            return session, trial
        first = self._rows[session.name].setdefault(trial, place)
        if first is not place:
            rule = "a trial has one row"
            self._found.add(rule, place, f"the trial of row {first.row} again")
        return session, trial

    def probable_tier(self) -> str | None:
        """The tier that most of the named trials are of."""
        tiers = Counter(
            tier
            for name, rows in self._rows.items()
            for trial in rows
            if (tier := self._sessions[name].tiers.get(trial)) is not None
        )
        return max(tiers, key=lambda tier: tiers[tier]) if tiers else None

    def compare(self, tier: str) -> list[Problem]:
        """Hold all rows against the trials of `tier`; what is missing comes as one problem a mouse."""
        return [p for name in self._rows for p in self._compared(name, self._rows[name], tier)]

    def _compared(self, name: str, rows: dict[int, Place], tier: str) -> list[Problem]:
        """What is wrong with the trials of one mouse; those that are no file's go to `found`."""
        session = self._sessions[name]
        if are_presentations(session, set(rows), tier):
            rule = "trial_indices are the ids of files, such as 1 of 1.npy"
            file = "meta/trials/trial_idx.npy, the ids of the original presentations"
            found = f"{len(rows):,} of those in {file}"
            return [Problem(name, rule, found)]
        for trial, place in rows.items():
            self._check_tier(place, session.tiers.get(trial), tier)
        missing = self._missing(name, tier)
        return [Problem(name, f"each {tier} trial has a row", missing)] if missing else []

    def _missing(self, name: str, tier: str) -> str | None:
        wanted = self._sessions[name].trials(tier)
        missing = [trial for trial in wanted if trial not in self._rows[name]]
        if not missing:
            return None
        if not self._rows[name]:
            return f"no row of this mouse, which has {len(wanted)} such trials"
        return f"no row for {len(missing)} of {len(wanted)}: {shortened(missing)}"

    def _check_tier(self, place: Place, found: str | None, wanted: str) -> None:
        if found is None:
            self._found.add("trials are the ids of files of the session", place, "no such file")
        elif found != wanted:
            self._found.add(f"every row is of a {wanted} trial", place, f"a {found} trial")

    def _session(self, place: Place, mouse: str | None) -> Session | None:
        if mouse is None:
            return None
        if mouse in self._rows:
            return self._sessions[mouse]
        if mouse in self._sessions:
            self._found.add("rows are of scored mice only", place, f"{mouse}, which is not scored")
            return None
        meant = nearest(mouse, list(self._rows))
        hint = f"; perhaps {meant} is meant" if meant else ""
        self._found.add("a mouse is called as its session folder", place, f"'{mouse}'{hint}")
        return None

    def _trial(self, place: Place, cell: int | str | None) -> int | None:
        if cell is None:
            return None
        trial = trial_of(cell)
        if trial is None:
            self._found.add("a trial is written as 1 or as '1.npy'", place, f"'{cell}'")
        else:
            self.form = "file" if isinstance(cell, str) else "int"
        return trial
