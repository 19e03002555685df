"""The winner's published checkpoints as run folders, which predict and are scored like any other."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from models.checkpoints import save_state
from models.errors import Problem, ProblemsFound
from models.files import sha256
from models.networks.winner import with_readouts
from models.published import Checkpoint, raise_all, read_checkpoint
from models.recordings.data_set import open_sessions
from models.recordings.session import Session, fingerprint
from models.recordings.where import Where
from models.runs import Imported, MouseRecord, RunFolder, RunRecord, Status, new_record


@dataclass(frozen=True)
class Import:
    """A checkpoint and the run folder that it becomes."""

    run: RunFolder
    checkpoint: Checkpoint
    readouts: dict[str, int]
    """Which one is each session's."""

    @property
    def dropped(self) -> list[str]:
        """The readouts of mice that the recordings lack."""
        return [
            f"{index} ({count} neurons)"
            for index, count in enumerate(self.checkpoint.neurons)
            if index not in self.readouts.values()
        ]


def import_checkpoints(
    files: Sequence[Path], to: Path, data: Where, mice: Sequence[str] | None = None
) -> list[Import]:
    """Make the run folder `to` of one file, or its folders 0, 1, ... of several.

    `mice` names the mouse of each readout in the files' order; without it the numbers of neurons
    tell. Raises ProblemsFound with all that is wrong with the files, RunError for a taken folder,
    RecordingError for unusable recordings; nothing is written then.
    """
    sessions = open_sessions(data)
    size = _frame_size(sessions)
    folders = [to] if len(files) == 1 else [to / str(number) for number in range(len(files))]
    for folder in (to, *folders):
        RunFolder(folder).check_free()
    imports = _planned(files, folders, sessions, size, mice)
    for each in imports:
        _write(each, _record(each, sessions, data, size))
    return imports


def readouts_of(
    checkpoint: Checkpoint, sessions: Sequence[Session], mice: Sequence[str] | None = None
) -> dict[str, int]:
    """The readout of each session: by the names of `mice`, else by the number of neurons.

    Raises ProblemsFound with each session of which no one readout is, or one of other neurons.
    """
    neurons, where = checkpoint.neurons, checkpoint.path
    if mice is not None and len(mice) != len(neurons):
        rule = f"--mice names the mouse of each of its {len(neurons)} readouts"
        raise_all(where, [Problem(str(where), rule, f"{len(mice)} names")])
    fitting = {session.name: _fitting(session, neurons, mice) for session in sessions}
    rule = f"has one readout, {'by the number of neurons' if mice is None else 'by --mice'}"
    problems = [
        Problem(f"{where}: {session.name} of {session.neurons} neurons", rule, found)
        for session in sessions
        if (found := _unclear(session, sessions, fitting[session.name], mice))
    ]
    raise_all(where, problems)
    return {name: own[0] for name, own in fitting.items()}


def _fitting(session: Session, neurons: Sequence[int], mice: Sequence[str] | None) -> list[int]:
    """The readouts that may be the session's."""
    return [
        index
        for index, count in enumerate(neurons)
        if count == session.neurons and (mice is None or mice[index] == session.name)
    ]


def _unclear(
    session: Session,
    sessions: Sequence[Session],
    fitting: Sequence[int],
    mice: Sequence[str] | None,
) -> str:
    """Why the session's readout is not known; nothing where it is."""
    rivals = sum(other.neurons == session.neurons for other in sessions)
    if not fitting:
        return "none"
    if len(fitting) == 1 and (rivals == 1 or mice is not None):
        return ""
    several = f"readout {', '.join(map(str, fitting))} and {rivals} sessions of as many"
    return several if mice is not None else f"{several}; name the mouse of each with --mice"


def _planned(
    files: Sequence[Path],
    folders: Sequence[Path],
    sessions: Sequence[Session],
    size: tuple[int, int],
    mice: Sequence[str] | None,
) -> list[Import]:
    planned, problems = [], list[Problem]()
    for file, folder in zip(files, folders, strict=True):
        try:
            checkpoint = read_checkpoint(file, size)
            own = readouts_of(checkpoint, sessions, mice)
            planned.append(Import(RunFolder(folder), checkpoint, own))
        except ProblemsFound as found:
            problems += found.problems
    if problems:
        remedy = "Give files as the winner published them, and the recordings they were trained on."
        raise ProblemsFound("the checkpoints", problems, remedy)
    return planned


def _record(
    each: Import, sessions: Sequence[Session], data: Where, size: tuple[int, int]
) -> RunRecord:
    checkpoint = each.checkpoint
    mice = [MouseRecord(name=s.name, unit_ids=s.unit_ids.tolist()) for s in sessions]
    record = new_record(checkpoint.config, mice, size, data, fingerprint(sessions))
    source = Imported(
        file=str(checkpoint.path),
        sha256=sha256(checkpoint.path),
        fold=checkpoint.fold,
        params=json.loads(json.dumps(checkpoint.params, default=str)),
    )
    return record.model_copy(update={"imported": source})


def _write(each: Import, record: RunRecord) -> None:
    """The record, the weights of the known mice's readouts, and last that the run is complete."""
    checkpoint = each.checkpoint
    kept = [each.readouts[mouse.name] for mouse in record.mice]
    each.run.create(record)
    save_state(each.run.weights, with_readouts(checkpoint.state, kept, checkpoint.neurons))
    told = "nothing" if checkpoint.score is None else "epoch and score"
    reason = f"imported; the file's name claims {told}, on trials that are not known here"
    epoch, score = checkpoint.epoch, checkpoint.score
    each.run.end(Status(state="complete", epoch=epoch, epochs=epoch, score=score, reason=reason))


def _frame_size(sessions: Sequence[Session]) -> tuple[int, int]:
    """Height and width of the recordings' frames."""
    session = next(session for session in sessions if session.tiers)
    height, width = session.video(next(iter(session.tiers))).shape[1:]
    return height, width
