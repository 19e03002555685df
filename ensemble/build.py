"""From candidates to checked submission files: the only place that knows all the parts."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from ensemble.check import Report, check_submission, scored_names
from ensemble.columns import FloatType, TrialForm
from ensemble.evaluation import Evaluation, TierScores, tiers_to_evaluate
from ensemble.gain import verdict
from ensemble.heldout import check_same_trials, select_prefix
from ensemble.manifest import Manifest, file_entries, member_entry
from ensemble.members import Candidates, Member, check_members
from ensemble.naming import Scheme, targets
from ensemble.passes import Pass
from ensemble.predict import Crowd, ServerUnits, plain_weights
from ensemble.preflight import check_out, check_sizes, check_tiers
from ensemble.progress import Progress
from ensemble.selection import Selection
from ensemble.submission import write_submission
from ensemble.tables import evaluation_table, selection_table
from ensemble.zips import write_zips
from models.answers import Answers
from models.recordings.data_set import open_sessions
from models.recordings.session import Session, fingerprint
from models.trained import TrainedRun


@dataclass(frozen=True)
class Options:
    """What is asked for."""

    data: Path
    out: Path
    top: int = 10
    """At most so many members."""
    mice: tuple[str, ...] | None = None
    """The scored ones; None for the competition's new mice where there are any, else all."""
    scheme: Scheme = "user"
    frames: int = 249
    trial_indices: TrialForm = "int"
    dtype: FloatType = "float64"
    mantissa_bits: int | None = None
    normalise: bool = True
    truth: Path | None = None
    device: str = "auto"

    def recorded(self) -> dict[str, Any]:
        """As plain JSON values."""
        plain = {k: str(v) if isinstance(v, Path) else v for k, v in asdict(self).items()}
        return plain | {"mice": None if self.mice is None else list(self.mice)}


@dataclass(frozen=True)
class Built:
    """What came of it."""

    selection: Selection
    scores: tuple[TierScores, ...]
    reports: tuple[Report, ...]
    """The checker's, of each file."""
    zips: tuple[Path, ...] = ()
    """To upload; none where the checker found a problem."""
    manifest: Path | None = None

    @property
    def ok(self) -> bool:
        """Whether the server would take every file."""
        return all(report.ok for report in self.reports)


def build(candidates: Candidates, options: Options, console: Console) -> Built:
    """Choose members, predict, write and check the files, and tell `console` how it goes.

    Files appear whole and one after the other; zips and manifest follow once all files have passed
    their check. Raises UserError for runs and recordings that do not fit together.
    """
    sessions = open_sessions(options.data)
    names = scored_names(sessions, options.mice)
    scored = [session for session in sessions if session.name in names]
    members = candidates.members[: options.top]
    check_members([*members, *candidates.added], sessions)
    _check_before(members, scored, options)
    selection = _select(candidates, members, sessions, console)
    chosen = (*members[: selection.chosen], *candidates.added)
    for member in chosen:  # a search that still runs shall not remove their weights
        member.run.pin(f"a member of the ensemble in {options.out.resolve()}")
    run = _prepare(candidates, chosen, scored, options, console)
    scores = _predict(run, options)
    _tell(console, selection, scores, run)
    paths = [options.out / target.file for target in targets(options.scheme)]
    reports = tuple(check_submission(path, sessions, names) for path in paths)
    built = Built(selection, scores, reports)
    return _complete(built, candidates, chosen, sessions, names, options) if built.ok else built


def _check_before(
    members: Sequence[Member],
    scored: Sequence[Session],
    options: Options,
) -> None:
    check_out(options.out)
    check_same_trials(members)
    check_tiers(scored, options.scheme)
    if options.mantissa_bits is None:
        check_sizes(scored, options.scheme, options.dtype, options.frames)


def _select(
    candidates: Candidates,
    members: Sequence[Member],
    sessions: Sequence[Session],
    console: Console,
) -> Selection:
    console.print(str(candidates), markup=False)
    selection = select_prefix(members, sessions)
    if members:
        console.print(selection_table(selection))
    console.print(f"members: {_rule(selection, candidates)}", markup=False)
    return selection


def _rule(selection: Selection, candidates: Candidates) -> str:
    """How the members were chosen, in words."""
    top = f"the plain mean of the top {selection.chosen} by held-out score: {selection.reason}"
    if not candidates.added:
        return top
    added = f"{len(candidates.added)} imported, not chosen by a score, each with the same weight"
    return f"{top}; and {added}" if selection.chosen else f"the plain mean of {added}"


def _prepare(
    candidates: Candidates,
    chosen: Sequence[Member],
    scored: Sequence[Session],
    options: Options,
    console: Console,
) -> Pass:
    """Load the members, and the floor where something is to be evaluated."""
    answers = Answers.beside(options.data, options.truth)
    floor = candidates.floor
    trained_on = {tier for member in chosen for tier in member.record.config.data.tiers}
    if floor is not None:
        trained_on |= {*floor.record().config.data.tiers}
    tiers = tiers_to_evaluate(scored, answers, trained_on)
    runs = tuple(TrainedRun.open(member.run.path, options.device) for member in chosen)
    return Pass(
        crowd=Crowd(runs, plain_weights(len(runs))),
        floor=TrainedRun.open(floor.path, options.device) if floor is not None and tiers else None,
        sessions=scored,
        evaluation=Evaluation(answers, tiers, options.frames),
        units=ServerUnits(options.frames, options.normalise),
        progress=Progress(console),
    )


def _predict(run: Pass, options: Options) -> tuple[TierScores, ...]:
    """Write the test tiers and evaluate what can be: each trial is predicted once."""
    written = targets(options.scheme)
    for target in written:
        write_submission(
            options.out / target.file,
            run.rows(target.tier),
            trial_indices=options.trial_indices,
            dtype=options.dtype,
            mantissa_bits=options.mantissa_bits,
        )
    for tier in run.evaluation.tiers:
        if tier not in {target.tier for target in written}:
            run.evaluate(tier)
    return run.evaluation.scores()


def _tell(
    console: Console, selection: Selection, scores: tuple[TierScores, ...], run: Pass
) -> None:
    members = len(run.crowd.runs)
    first = f"run {run.crowd.runs[0].folder.path.name}"
    single = f"best single ({first})" if selection.chosen else f"the first ({first})"
    for normalised in (False, True) if scores else ():
        each_tier = run.evaluation.scores(normalised)
        console.print(evaluation_table(each_tier, members, single, normalised))
    for each in scores:
        if len(each.mice) < len(run.sessions):
            console.print(f"{each.tier}: responses are known of {', '.join(each.mice)} only")
    if scores and not run.units.normalise:
        console.print("these scores are those of normalised predictions; the files hold raw units")
    console.print(verdict(selection, scores, members - selection.chosen), markup=False)


def _complete(
    built: Built,
    candidates: Candidates,
    chosen: Sequence[Member],
    sessions: Sequence[Session],
    mice: Sequence[str],
    options: Options,
) -> Built:
    """Write zips and manifest."""
    zips = write_zips(options.out, options.scheme)
    weights = plain_weights(len(chosen))
    manifest = Manifest(
        source=candidates.source,
        left_out=candidates.left_out,
        rule=_rule(built.selection, candidates),
        members=[member_entry(*pair) for pair in zip(chosen, weights, strict=True)],
        selection=built.selection,
        evaluation=built.scores,
        data=str(options.data.resolve()),
        data_fingerprint=fingerprint(sessions),
        mice=list(mice),
        options=options.recorded(),
        files=file_entries([*(report.path for report in built.reports), *zips]),
    )
    return replace(built, zips=tuple(zips), manifest=manifest.write(options.out))
