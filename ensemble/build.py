"""From candidates, or a manifest, to checked submission files: the place that knows all the parts."""

import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from ensemble.check import Report, check_submission, scored_names
from ensemble.chosen import Ensemble, Wanted, choose
from ensemble.columns import FloatType, TrialForm
from ensemble.evaluation import Evaluation, TierScores, tiers_to_evaluate
from ensemble.gain import verdict
from ensemble.manifest import Manifest, file_entries
from ensemble.members import Candidates, check_members, pin
from ensemble.naming import Scheme, targets
from ensemble.passes import Pass
from ensemble.predict import ServerUnits
from ensemble.predicting.copies import copies_of
from ensemble.predicting.job import Job
from ensemble.predicting.workers import Workers
from ensemble.preflight import alone_in, check_out, check_sizes, check_tiers
from ensemble.progress import Progress
from ensemble.report.page import FILE, write_page
from ensemble.selection import Selection
from ensemble.stores import bring_weights, check_writable, tell_of_predictions, tell_of_weights
from ensemble.submission import write_submission
from ensemble.tables import evaluation_table, members_table, rules_table
from ensemble.zips import write_zips
from models.answers import Answers
from models.files import remove_abandoned
from models.recordings.data_set import open_sessions
from models.recordings.session import Session, fingerprint
from models.recordings.where import Where, absolute
from models.remote import Remote

UNCHECKED, PARTS = "unchecked", "parts"
"""The folder, within that of the files, in which they are until they have passed their check."""


@dataclass(frozen=True)
class Options:
    """What is asked for."""

    data: Where
    out: Path
    wanted: Wanted = field(default_factory=Wanted)
    """Of the choice of members."""
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
    workers: Workers = field(default_factory=Workers)
    """Of a cluster that predicts; by default there are none."""
    resident: bool | None = None
    """Whether all networks stay in memory; None for where they are small."""

    def recorded(self) -> dict[str, Any]:
        """As plain JSON values."""
        plain = {k: str(v) if isinstance(v, Path) else v for k, v in asdict(self).items()}
        return plain | {"mice": None if self.mice is None else list(self.mice)}


@dataclass(frozen=True)
class Built:
    """What came of it."""

    selection: Selection
    scores: tuple[TierScores, ...]
    """In the server's units."""
    reports: tuple[Report, ...]
    """The checker's, of each file."""
    zips: tuple[Path, ...] = ()
    """To upload; none where the checker found a problem."""
    manifest: Path | None = None
    page: Path | None = None
    """The report."""

    @property
    def ok(self) -> bool:
        """Whether the server would take every file."""
        return all(report.ok for report in self.reports)


def build(candidates: Candidates, options: Options, console: Console) -> Built:
    """Choose members, predict, write and check the files, and tell `console` how it goes.

    Files of an earlier build are replaced once all new ones have passed their check; zips and manifest
    follow. Raises UserError for runs and recordings that do not fit together, and where another build
    writes into the same folder.
    """
    sessions, scored = _opened(options)
    check_members([*candidates.members[: options.wanted.pool], *candidates.added], sessions)
    console.print(str(candidates), markup=False)
    pool = candidates.members[: options.wanted.pool]
    tell_of_predictions([run for member in pool for run in member.runs], sessions, console)
    ensemble = choose(candidates, sessions, options.wanted)
    if ensemble.selection.rules:
        console.print(rules_table(ensemble.selection))
        console.print(members_table(ensemble))
    with alone_in(options.out):
        return _make(ensemble, options, sessions, scored, console)


def rebuild(manifest: Manifest, options: Options, console: Console) -> Built:
    """The files of a manifest once more, byte for byte on the same machine.

    Raises UserError for recordings or runs that are not those of the manifest.
    """
    sessions, scored = _opened(options)
    manifest.check_recordings(sessions)
    ensemble = manifest.ensemble()
    check_members(ensemble.members, sessions)
    console.print(f"as in the manifest: {manifest.source}", markup=False)
    with alone_in(options.out):
        return _make(ensemble, options, sessions, scored, console)


def _opened(options: Options) -> tuple[list[Session], list[Session]]:
    """All sessions, and the scored ones; what would fail after hours is refused here."""
    options.workers.check()
    if options.workers.store is not None:
        check_writable(Remote.parse(options.workers.store))
    sessions = open_sessions(options.data)
    names = scored_names(sessions, options.mice)
    scored = [session for session in sessions if session.name in names]
    check_out(options.out)
    check_tiers(scored, options.scheme)
    if options.mantissa_bits is None:
        check_sizes(scored, options.scheme, options.dtype, options.frames)
    return sessions, scored


def _make(
    ensemble: Ensemble,
    options: Options,
    sessions: Sequence[Session],
    scored: Sequence[Session],
    console: Console,
) -> Built:
    console.print(f"members: {ensemble.rule}", markup=False)
    if refused := pin(ensemble.members, options.out):
        told = f"members may lose their weights in the store, and keep them here: {refused[0]}"
        console.print(told, markup=False)
    tell_of_weights(ensemble.runs, console)
    bring_weights(ensemble.runs)
    run = _prepare(ensemble, options, sessions, scored, console)
    _predict(run, options, console)
    _tell(console, ensemble, run)
    reports = tuple(
        check_submission(
            options.out / UNCHECKED / target.file,
            sessions,
            [session.name for session in scored],
            scheme=options.scheme,
            answers=run.evaluation.answers,
        )
        for target in targets(options.scheme)
    )
    built = Built(ensemble.selection, run.evaluation.scores(), reports)
    return _complete(built, ensemble, run, options, sessions) if built.ok else built


def _prepare(
    ensemble: Ensemble,
    options: Options,
    sessions: Sequence[Session],
    scored: Sequence[Session],
    console: Console,
) -> Pass:
    """Say what is to be predicted, with the floor where something is to be evaluated."""
    answers, floor = Answers.beside(options.data, options.truth), ensemble.floor
    trained_on = {t for member in ensemble.members for t in member.record.config.data.tiers}
    if floor is not None:
        trained_on |= {*floor.record().config.data.tiers}
    tiers = tiers_to_evaluate(scored, answers, trained_on)
    job = Job(
        data=absolute(options.data),
        fingerprint=fingerprint(sessions),
        truth=None if answers.truth is None else answers.truth.folder.resolve(),
        runs=tuple(tuple(r.path.resolve() for r in member.runs) for member in ensemble.members),
        weights=ensemble.weights,
        floor=floor.path.resolve() if floor is not None and tiers else None,
        written=tuple(target.tier for target in targets(options.scheme)),
        evaluated=tuple(tiers),
        units=ServerUnits(options.frames, options.normalise),
        parts=(options.out / UNCHECKED / PARTS).resolve(),
        device=options.device,
        resident=options.resident,
        store=options.workers.store,
        copies=copies_of(ensemble.runs) if options.workers.address else {},
    )
    evaluation = Evaluation(answers, tiers, options.frames)
    return Pass(job, scored, evaluation, options.workers, Progress(console))


def _predict(run: Pass, options: Options, console: Console) -> None:
    """Write the test tiers and evaluate what can be: each trial is predicted once."""
    run.predict()
    for target in targets(options.scheme):
        path = options.out / UNCHECKED / target.file
        remove_abandoned(path)
        written = write_submission(
            path,
            run.rows(target.tier),
            trial_indices=options.trial_indices,
            dtype=options.dtype,
            mantissa_bits=options.mantissa_bits,
        )
        if written.kept is not None:
            console.print(f"{target.file}: {written.kept}", markup=False)
    for tier in run.job.tiers[len(run.job.written) :]:
        run.evaluate(tier)


def _tell(console: Console, ensemble: Ensemble, run: Pass) -> None:
    members, scores = len(ensemble.members), run.evaluation.scores()
    first = f"run {ensemble.members[0].label}"
    single = f"best single ({first})" if ensemble.chosen else f"the first ({first})"
    for normalised in (False, True) if scores else ():
        each_tier = run.evaluation.scores(normalised)
        console.print(evaluation_table(each_tier, members, single, normalised))
    for each in scores:
        if len(each.mice) < len(run.sessions):
            console.print(f"{each.tier}: responses are known of {', '.join(each.mice)} only")
    if scores and not run.units.normalise:
        console.print("these scores are those of normalised predictions; the files hold raw units")
    console.print(verdict(ensemble, scores), markup=False)


def _complete(
    built: Built,
    ensemble: Ensemble,
    run: Pass,
    options: Options,
    sessions: Sequence[Session],
) -> Built:
    """Put the files in their place, write zips, manifest and report."""
    reports = tuple(
        replace(report, path=report.path.replace(options.out / report.path.name))
        for report in built.reports
    )
    shutil.rmtree(options.out / UNCHECKED)  # the parts, and what killed builds have left
    zips = write_zips(options.out, options.scheme)
    manifest = Manifest.of(
        ensemble,
        [session.name for session in run.sessions],
        evaluation=built.scores,
        evaluation_raw=run.evaluation.scores(normalise=False),
        data=str(absolute(options.data)),
        data_fingerprint=run.job.fingerprint,
        options=options.recorded(),
        files=file_entries([*(report.path for report in reports), *zips]),
    )
    written = manifest.write(options.out)
    page = write_page(manifest, ensemble, sessions, options.out / FILE)
    run.clear()
    return replace(built, reports=reports, zips=tuple(zips), manifest=written, page=page)
