"""What the four arrays of a trial must have in common, and the trials of a session.

Arrays are read one after the other: memory holds one at a time.
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from models.metrics import SKIPPED_FRAMES
from models.recordings.checks.contents import Contents, look_at
from models.recordings.checks.findings import Findings
from models.recordings.layout import KINDS, TEST_TIERS, TRAIN_TIERS

SAME_FRAMES = "must have as many frames, NaN included, as the trial's video"
SESSION_FRAMES = "must have as many frames, NaN included, as the session's other videos"
SAME_END = "must turn to NaN at the same frame as the trial's other arrays"
DUMMY = "must be zero in every frame where responses are withheld, without NaN (or be left out)"
NOT_SILENT = "should not be zero for all neurons in a train or oracle trial"
SCORABLE = f"should have more than {SKIPPED_FRAMES + 1} valid frames: no other frame is scored"
UNSCALED = "should hold grey values up to 255, not fractions up to 1"
TRAINABLE = "must hold the responses of at least one trial of the train tier"
WITHHOLD = "Write zeros over all frames of withheld responses, or remove these files."


@dataclass
class TrialsSeen:
    """What the trials of one session looked like."""

    by_frames: dict[int, list[int]] = field(default_factory=dict)
    """Trials by the number of frames of their video, T."""
    lengths: Counter[int] = field(default_factory=Counter)
    """Trials by their number of valid frames."""
    train_length: int = 0
    """The valid frames of the longest train trial."""
    known: Counter[str] = field(default_factory=Counter)
    """Trials whose responses are known, by tier; "" where the tier is not."""
    types: dict[str, set[str]] = field(default_factory=lambda: {kind: set() for kind in KINDS})
    """The types that each kind of array is stored as."""
    brightest: float = 0.0
    """The highest grey value."""

    @property
    def frames(self) -> int | None:
        """T of most videos; None where no video could be read."""
        trials = self.by_frames
        return max(trials, key=lambda frames: len(trials[frames])) if trials else None


class TrialsCheck:
    """Checks the trials of one session: one `look` each, then `finish`.

    `neurons` is N; where it is None, the first responses that can be read give it.
    """

    def __init__(self, session: Path, neurons: int | None, findings: Findings) -> None:
        self.seen = TrialsSeen()
        self.neurons = neurons
        self._data, self._findings = session / "data", findings

    def look(self, trial: int, tier: str | None, kinds: Collection[str]) -> None:
        """Check the trial's arrays of these kinds; `tier` is None where it is not known."""
        read = (self._read(kind, trial) for kind in KINDS if kind in kinds)
        arrays = {array.kind: array for array in read if array}
        arrays = self._of_one_length(trial, arrays)
        if "responses" in arrays and self._are_withheld(tier, arrays["responses"]):
            del arrays["responses"]
        self._note_length(trial, tier, self._check_ends(list(arrays.values())))

    def finish(self, has_train: bool) -> None:
        """Check what only all trials tell; `has_train` if videos of the train tier are there."""
        for frames, trials in self.seen.by_frames.items():
            for trial in trials if frames != self.seen.frames else ():
                found = f"{frames}, others {self.seen.frames}"
                self._findings.problem(self._path("videos", trial), SESSION_FRAMES, found)
        if 0 < self.seen.brightest <= 1:
            found = f"nothing above {self.seen.brightest:g} in any trial"
            self._findings.warning(self._data / "videos", UNSCALED, found)
        if has_train and not self.seen.known["train"]:
            self._findings.problem(self._data / "responses", TRAINABLE, "none")

    def _path(self, kind: str, trial: int) -> Path:
        return self._data / f"{kind}/{trial}.npy"

    def _read(self, kind: str, trial: int) -> Contents | None:
        contents = look_at(kind, self._path(kind, trial), self.neurons, self._findings)
        if contents is not None:
            self.seen.types[kind].add(contents.type)
            if kind == "responses" and self.neurons is None:
                self.neurons = contents.rows
            if kind == "videos" and contents.high > self.seen.brightest:
                self.seen.brightest = contents.high
        return contents

    def _of_one_length(self, trial: int, arrays: dict[str, Contents]) -> dict[str, Contents]:
        """The arrays that have as many frames as the video; others are a problem."""
        video = arrays.get("videos")
        if video is None:
            return arrays
        self.seen.by_frames.setdefault(video.frames, []).append(trial)
        for array in arrays.values():
            if array.frames != video.frames:
                found = f"{array.frames}, the video {video.frames}"
                self._findings.problem(array.path, SAME_FRAMES, found)
        return {kind: array for kind, array in arrays.items() if array.frames == video.frames}

    def _are_withheld(self, tier: str | None, responses: Contents) -> bool:
        """Whether zeros stand for responses; where the tier is unknown, they may."""
        if not responses.silent:
            self.seen.known[tier or ""] += 1
            return False
        if tier in TRAIN_TIERS:
            self._findings.warning(responses.path, NOT_SILENT, "zeros only")
        elif tier in TEST_TIERS and responses.end not in (None, responses.frames):
            found = f"zeros, then NaN from frame {responses.end}"
            self._findings.problem(responses.path, DUMMY, found, WITHHOLD)
        return tier is None or tier in TEST_TIERS

    def _check_ends(self, arrays: list[Contents]) -> int | None:
        """The trial's valid frames: what most arrays say, and in a tie the behaviour.

        Integers cannot hold NaN and say nothing, except for the behaviour: readers go by it.
        """
        ends = {array.kind: array.end for array in arrays}
        if ends.get("behavior", 0) is None:
            ends["behavior"] = next(a.frames for a in arrays if a.kind == "behavior")
        votes = Counter(end for end in ends.values() if end)
        if not votes:
            return None
        usual = max(votes, key=lambda end: (votes[end], end == ends.get("behavior")))
        for array in arrays:
            end = ends[array.kind]
            if end and end != usual:
                found = f"{end} valid frames, others {usual}"
                self._findings.problem(array.path, SAME_END, found)
        return usual

    def _note_length(self, trial: int, tier: str | None, length: int | None) -> None:
        if length is None:
            return
        self.seen.lengths[length] += 1
        if tier == "train":
            self.seen.train_length = max(self.seen.train_length, length)
        if tier in TEST_TIERS and length <= SKIPPED_FRAMES + 1:
            self._findings.warning(self._path("behavior", trial), SCORABLE, str(length))
