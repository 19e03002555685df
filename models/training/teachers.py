"""What trained networks say, on average, of the clips that another one learns from.

Teachers may be of other families, clip lengths and frame steps. Where one has to see more frames
than the student does, or others, wider clips are drawn at the full frame rate: the student sees its
own frames of them, and each teacher predicts these by its own windows over the wide clip.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from models.inference import Clip, Window, plan_windows
from models.networks.network import Network, NetworkConfig
from models.recordings.clips import ClipBatch


@dataclass(frozen=True)
class Teacher:
    """A trained network, in evaluation mode and without gradients."""

    network: Network
    clip: Clip
    mice: tuple[int, ...]
    """Its index of each of the student's mice."""

    @classmethod
    def of(cls, network: Network, config: NetworkConfig, mice: Sequence[int]) -> "Teacher":
        """Of a network as it was trained."""
        network.eval().requires_grad_(requires_grad=False)
        return cls(network, Clip.of(network, config), tuple(mice))

    def predict(self, batch: ClipBatch) -> list[Tensor]:
        """(B, N, T) responses of each of the student's M mice to each clip."""
        rows = [(self.mice[mouse], part) for mouse, part in batch.rows]
        readers = [(mouse, slice(None)) for mouse in self.mice]
        predictions = self.network(batch.video, batch.behaviour, rows, readers)
        return [prediction.float() for prediction in predictions]


@dataclass(frozen=True)
class View:
    """Frames of a drawn clip that a teacher sees at once."""

    frames: slice
    predicted: list[int]
    """Those of them that the student sees, too."""
    student: list[int]
    """Which of the student's frames these are."""


class TeacherMean:
    """The mean over teachers of their responses to clips, for the frames that the student sees."""

    def __init__(
        self, teachers: Sequence[Teacher], student: Clip, shares: Sequence[float] | None = None
    ) -> None:
        """`shares` are the teachers' weights, which add up to 1; None for equal ones."""
        self.teachers, self._clip = tuple(teachers), student
        self._shares = None if shares is None else tuple(shares)
        wide = [teacher for teacher in teachers if not self._sees_the_same(teacher)]
        self.drawn = NetworkConfig(clip_frames=student.frames, frame_step=student.step)
        """The clips that are to be drawn, as a configuration of networks tells them."""
        self.student = slice(0, student.frames)
        """The frames of a drawn clip that the student sees."""
        if wide:
            self._widen(wide)
        self._views = [[*self._views_of(teacher)] for teacher in teachers]

    def batch(self, drawn: ClipBatch) -> ClipBatch:
        """What the student sees of drawn clips."""
        return _cut(drawn, self.student)

    @torch.no_grad()
    def __call__(self, drawn: ClipBatch) -> list[Tensor]:
        """(B, N, T) for each of the student's M mice, of the student's frames of B drawn clips."""
        means = [self._mean(*pair, drawn) for pair in zip(self.teachers, self._views, strict=True)]
        return [self._together(torch.stack(each)) for each in zip(*means, strict=True)]

    def _together(self, each: Tensor) -> Tensor:
        """(B, N, T) of a mouse, from what each teacher says of it."""
        if self._shares is None:
            return each.mean(0)
        shares = each.new_tensor(self._shares)
        return (each * shares[:, None, None, None]).sum(0)

    def _mean(self, teacher: Teacher, views: Sequence[View], drawn: ClipBatch) -> list[Tensor]:
        """One teacher's responses, the mean over the views that a frame is in."""
        totals: list[Tensor] = []
        count = drawn.video.new_zeros(self._clip.frames)
        for view in views:
            parts = teacher.predict(_cut(drawn, view.frames))
            size = self._clip.frames
            totals = totals or [part.new_zeros(*part.shape[:2], size) for part in parts]
            for total, part in zip(totals, parts, strict=True):
                total[..., view.student] += part[..., view.predicted]
            count[view.student] += 1
        return [total / count for total in totals]

    def _sees_the_same(self, teacher: Teacher) -> bool:
        """Whether the student's clip is all that the teacher needs to predict its trained frames."""
        own, clip = self._clip, teacher.clip
        same_length = clip.frames == own.frames or not teacher.network.windowed
        enough = clip.context <= own.context and clip.lookahead <= own.lookahead
        return clip.step == own.step and same_length and enough

    def _widen(self, wide: Sequence[Teacher]) -> None:
        """Draw every frame, and so many before and after the student's as these teachers need."""
        own = self._clip
        before, after = (
            max(0, *(getattr(t.clip, end) * t.clip.step for t in wide))
            - getattr(own, end) * own.step
            for end in ("context", "lookahead")
        )
        before, after = max(before, 0), max(after, 0)
        windowed = [teacher.clip for teacher in wide if teacher.network.windowed]
        longest = max((clip.width + clip.step - 1 for clip in windowed), default=0)
        before += max(longest - before - own.width - after, 0)
        width = before + own.width + after
        self.drawn = NetworkConfig(clip_frames=width, frame_step=1)
        self.student = slice(before, before + own.width, own.step)

    def _views_of(self, teacher: Teacher) -> Iterator[View]:
        """The views in which a teacher predicts the student's frames."""
        if self._sees_the_same(teacher):
            every = [*range(self._clip.frames)]
            yield View(self.student, every, every)
            return
        drawn, step = range(self.drawn.clip_frames), teacher.clip.step
        student = drawn[self.student]
        for window, length in self._windows(teacher):
            seen = drawn[window.seen(step)]
            pairs = [(place, frame) for place, frame in enumerate(seen) if frame in student]
            if pairs:
                predicted = [window.counted.start + place for place, _ in pairs]
                frames = slice(window.start, window.start + (length - 1) * step + 1, step)
                yield View(frames, predicted, [student.index(frame) for _, frame in pairs])

    def _windows(self, teacher: Teacher) -> Iterator[tuple[Window, int]]:
        """Windows over a drawn clip and their frames: as few as see every frame properly."""
        width, clip = self.drawn.clip_frames, teacher.clip
        if teacher.network.windowed:
            for window in plan_windows(width, clip, clip.reach):
                yield window, clip.frames
        else:
            for phase in range(clip.step):
                length = len(range(phase, width, clip.step))
                yield Window(phase, slice(0, length)), length


def _cut(batch: ClipBatch, frames: slice) -> ClipBatch:
    """Some frames of clips."""
    return replace(
        batch,
        video=batch.video[:, frames],
        behaviour=batch.behaviour[..., frames],
        responses=[response[..., frames] for response in batch.responses],
    )
