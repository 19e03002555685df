"""All rules of one session, in the order in which one answer is needed for the next."""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from models.recordings.checks.files import TrialFiles, list_files
from models.recordings.checks.findings import Findings
from models.recordings.checks.neurons import count_neurons
from models.recordings.checks.report import SessionReport
from models.recordings.checks.statistics import Axes, check_statistics
from models.recordings.checks.tiers import read_tiers
from models.recordings.checks.trials import TrialsCheck, TrialsSeen
from models.recordings.layout import KINDS

CONFIG = 'should be there and hold {"links": {}} (the organisers\' loader writes it if it may)'


@dataclass(frozen=True)
class SessionCheck:
    """One session's listed files, ready for its trials to be read."""

    path: Path
    files: TrialFiles
    findings: Findings

    @property
    def trials(self) -> int:
        """Those with a video."""
        return len(self.files.videos)

    def run(self, done: Callable[[], None]) -> SessionReport:
        """Check everything; `done` is called after each trial that has a video."""
        neurons = count_neurons(self.path, self.findings)
        tiers = read_tiers(self.path, self.files, self.findings)
        trials = TrialsCheck(self.path, neurons, self.findings)
        for trial in self.files.videos:
            kinds = [kind for kind in KINDS if self.files.has(kind, trial)]
            trials.look(trial, (tiers or {}).get(trial), kinds)
            done()
        counts = _counts(tiers or {}, self.files)
        trials.finish(counts["train"] > 0)
        axes = Axes(trials.neurons, trials.seen.frames, trials.seen.train_length)
        check_statistics(self.path, axes, self.findings)
        _check_config(self.path / "config.json", self.findings)
        return self._report(trials.neurons, counts, trials.seen)

    def _report(
        self, neurons: int | None, counts: Mapping[str, int], seen: TrialsSeen
    ) -> SessionReport:
        return SessionReport(
            path=self.path,
            name=self.path.resolve().name,
            neurons=neurons,
            frames=seen.frames,
            lengths=dict(sorted(seen.lengths.items())),
            tiers=dict(counts),
            known=dict(seen.known),
            videos=self.trials,
            types={kind: tuple(sorted(types)) for kind, types in seen.types.items()},
            problems=self.findings.problems(),
            warnings=self.findings.warnings(),
            remedies=self.findings.remedies(),
        )


def listed_session(path: Path) -> SessionCheck:
    """Look at the files of a session; nothing is read yet."""
    findings = Findings()
    return SessionCheck(path, list_files(path, findings), findings)


def _counts(tiers: Mapping[int, str], files: TrialFiles) -> Counter[str]:
    counts = Counter(tiers[trial] for trial in files.videos if trial in tiers)
    none = sum(tier == "none" for tier in tiers.values())
    if none:
        counts["none"] = none
    return counts


def _check_config(path: Path, findings: Findings) -> None:
    try:
        json.loads(path.read_text())
    except FileNotFoundError:
        findings.warning(path, CONFIG, "no such file")
    except (OSError, ValueError) as error:
        findings.warning(path, CONFIG, str(error))
