"""The runs that another one learns from: opened where they can teach it, refused where they cannot."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from models.config import DataConfig, RunConfig
from models.errors import Problem, ProblemsFound, RunError
from models.files import sha256
from models.inference import Clip
from models.networks.network import Network
from models.predictions import predicted_trials
from models.recordings.session import Session
from models.recordings.trials import MouseTrials, Trial
from models.runs import RunFolder, RunRecord, TeacherRecord
from models.trained import TrainedRun
from models.training.teachers import Teacher, TeacherMean


@dataclass(frozen=True)
class Teachers:
    """The teachers of a run, on its device; none where it is not distilled."""

    opened: tuple[Teacher, ...] = ()
    records: tuple[TeacherRecord, ...] = ()

    def mean(self, student: Network, config: RunConfig) -> TeacherMean | None:
        """What they teach this network; None where there are none."""
        if not self.opened or config.distillation is None:
            return None
        clip = Clip.of(student, config.network)
        return TeacherMean(self.opened, clip, config.distillation.shares)


@dataclass(frozen=True)
class Student:
    """What teachers have to fit."""

    data: DataConfig
    sessions: tuple[Session, ...]
    held_out: tuple[frozenset[int], ...]
    """Trials that each session holds out, by file id."""
    size: tuple[int, int]
    """Height and width of the frames that it sees."""


def open_teachers(
    config: RunConfig,
    mice: Sequence[MouseTrials],
    held_out: Sequence[Sequence[Trial]],
    size: tuple[int, int],
    device: torch.device,
) -> Teachers:
    """The teachers of a run on these mice, with `held_out` trials of each and frames of `size`.

    Raises ProblemsFound with everything that keeps them from teaching it.
    """
    if config.distillation is None:
        return Teachers()
    numbers = (frozenset(trial.number for trial in trials) for trials in held_out)
    sessions = tuple(mouse.session for mouse in mice)
    student = Student(config.data, sessions, tuple(numbers), size)
    folders = [RunFolder(Path(folder)) for folder in config.distillation.teachers]
    problems = [problem for run in folders for problem in _problems(run, student)]
    if len(sessions) < 2:
        rule = "are of two mice at least: a clip has teachers for the readouts of the other mice"
        problems.append(Problem("the recordings", rule, "one"))
    if problems:
        remedy = "Give complete runs of the same folds; models train and search make them."
        raise ProblemsFound("the teachers", problems, remedy)
    opened = tuple(_opened(run, sessions, device) for run in folders)
    records = (TeacherRecord(folder=str(r.path), weights_sha256=sha256(r.weights)) for r in folders)
    return Teachers(opened, tuple(records))


def _opened(run: RunFolder, sessions: Sequence[Session], device: torch.device) -> Teacher:
    trained = TrainedRun.open(run.path, str(device))
    places = {mouse.name: index for index, mouse in enumerate(trained.record.mice)}
    mice = [places[session.name] for session in sessions]
    return Teacher.of(trained.network, trained.record.config.network, mice)


def _problems(run: RunFolder, student: Student) -> Iterator[Problem]:
    """Why a run cannot teach this student."""
    where = str(run.path)
    try:
        record, status = run.record(), run.status()
    except RunError as error:
        yield Problem(where, "is a run", error.message)
        return
    state = "not ended" if status is None else status.state
    if state != "complete" or not run.weights.is_file():
        found = state if state != "complete" else f"no {run.weights.name}"
        yield Problem(where, "is a complete run", found)
    if record.frame_size != student.size:
        rule = f"sees frames of {_by(student.size)} pixels, as the student does"
        yield Problem(where, rule, _by(record.frame_size))
    yield from _other_mice(where, record, student.sessions)
    if record.imported is not None:
        rule = "holds out what the student does; otherwise it would tell of held-out trials"
        yield Problem(where, rule, "an imported run, of which that is not known")
    elif state == "complete":
        yield from _leaks(run, record, student)


def _other_mice(where: str, record: RunRecord, sessions: Sequence[Session]) -> Iterator[Problem]:
    known = {mouse.name: mouse.unit_ids for mouse in record.mice}
    for session in sessions:
        if session.name not in known:
            yield Problem(where, f"knows the mouse {session.name}", ", ".join(known))
        elif known[session.name] != session.unit_ids.tolist():
            rule = f"knows the neurons of {session.name}, in the same order"
            yield Problem(where, rule, "others")


def _leaks(run: RunFolder, record: RunRecord, student: Student) -> Iterator[Problem]:
    """Ways in which the teacher would tell the student of trials that are to be held out."""
    wanted, found = _split(student.data), _split(record.config.data)
    if found != wanted:
        yield Problem(str(run.path), f"holds out what the student does: {wanted}", found)
        return
    known = {mouse.name for mouse in record.mice}
    for session, numbers in zip(student.sessions, student.held_out, strict=True):
        if session.name in known:
            try:
                learnt = sorted(numbers - set(predicted_trials(run.path, session.name)))
            except RunError as error:
                yield Problem(str(run.path), "has its held-out predictions", error.message)
                continue
            if learnt:
                rule = f"holds out all trials of {session.name} that the student does"
                told = f"that it learnt from {', '.join(map(str, learnt[:5]))}"
                yield Problem(str(run.path), rule, told)


def _split(data: DataConfig) -> str:
    return f"fold {data.fold} of {data.folds} of {' and '.join(sorted(data.tiers))}"


def _by(size: tuple[int, int]) -> str:
    return "x".join(map(str, size))
