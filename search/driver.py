"""One search from its checks to its end: the only place that knows all the parts."""

import time
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from ray import tune
from rich.console import Console

from models.runs import FLOOR_RUN
from search import checks
from search.callback import Hooks
from search.cluster import local_ray
from search.floor import Floor
from search.plan import Plan, now, write_plan
from search.progress import Progress
from search.recorder import Recorder
from search.resources import Resources
from search.sampler import Proposer, open_study
from search.scoreboard import Scoreboard
from search.signals import Flag, raised_by_signals
from search.space import Space, build, floor_flat
from search.steps import Settings
from search.stopping import Halving
from search.tracking import Tracker, open_client
from search.trainable import SETTINGS, Trainable


def check(plan: Plan, home: Path) -> tuple[Space, MlflowClient]:
    """Look at everything that a search needs before it starts; UserError with all that is missing."""
    found: dict[str, Any] = {}

    def space() -> None:
        found["space"] = checks.prepare_space(plan.space, plan.overrides)

    checks.run_all(
        lambda: checks.check_name(home, plan.name),
        lambda: checks.check_trials(plan.trials),
        lambda: checks.check_data(plan.data),
        space,
    )
    client = open_client(home)
    checks.check_tracking(client, plan.name)
    return found["space"], client


def run_search(plan: Plan, home: Path, resources: Resources, console: Console) -> Scoreboard:
    """Run a search to its end, or to Ctrl-C, and say how it stands then."""
    space, client = check(plan, home)
    folder = home / plan.name
    plan = plan.model_copy(update={"domains": described(space)})
    with local_ray(resources.slots, resources.gpus):
        folder.mkdir(parents=True)
        write_plan(folder, plan)
        tracker = Tracker(
            client, home, plan.name, plan.model_dump(mode="json", exclude={"domains"})
        )
        search = Search(plan, folder, space, resources, tracker, console)
        try:
            search.run()
        finally:
            write_plan(folder, plan.model_copy(update={"ended": now()}))
    return search.board


class Search:
    """A search under way."""

    def __init__(
        self,
        plan: Plan,
        folder: Path,
        space: Space,
        resources: Resources,
        tracker: Tracker,
        console: Console,
    ) -> None:
        self.plan, self.folder, self.space = plan, folder, space
        self.resources, self.tracker = resources, tracker
        self.settings = Settings(
            runs=folder / "runs",
            data=plan.data.resolve(),
            device=resources.device,
            threads=resources.threads,
            fit=plan.fit,
        )
        study = open_study(folder, plan.name, plan.seed)
        self.board, self.flag = Scoreboard(plan.trials), Flag()
        self.proposer = Proposer(study, space, plan.seed, self.settings.runs, self.flag)
        self.progress = Progress(console, self.board)
        self.recorder = Recorder(self.proposer, tracker, self.board, self.progress)
        self.floor: Floor | None = None

    def run(self) -> None:
        """Train the floor and the trials; whatever happens, no record is left open."""
        with self.progress, raised_by_signals(self.flag):
            try:
                if self.plan.floor:
                    self._start_floor()
                self._tuner().fit()
                self._wait_for_floor()
            finally:
                self._close()

    def _start_floor(self) -> None:
        folder, flat = self.folder / FLOOR_RUN, floor_flat(self.space)
        gpus = self.resources.gpus_per_trial
        with self.flag.writing():
            self.floor = Floor(self.settings, folder, flat, self.tracker, gpus)

    def _tuner(self) -> tune.Tuner:
        share = {"cpu": 1, "gpu": self.resources.gpus_per_trial}
        return tune.Tuner(
            tune.with_resources(Trainable, share),
            param_space={SETTINGS: self.settings.model_dump(mode="json")},
            tune_config=tune.TuneConfig(
                search_alg=self.proposer,
                scheduler=Halving(most_epochs(self.space), self.plan.grace, self.plan.reduction),
                num_samples=self.plan.trials,
                reuse_actors=True,
                trial_dirname_creator=lambda trial: str(trial.trial_id),
            ),
            run_config=tune.RunConfig(
                name="ray",
                storage_path=str(self.folder.resolve()),
                # Fit writes its own checkpoints; Ray would save every class trainable at its end.
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
                failure_config=tune.FailureConfig(max_failures=1),
                callbacks=[Hooks(self.recorder, self.flag, self._tick)],
                stop=self.flag,
                verbose=0,
            ),
        )

    def _tick(self) -> None:
        if self.floor is not None:
            with self.flag.writing():
                self.floor.collect(self.board)
        self.progress.tick()

    def _wait_for_floor(self) -> None:
        while self.floor and not self.board.floor and not self.flag.raised:
            self._tick()
            time.sleep(0.2)

    def _close(self) -> None:
        """Settle what is open, without asking Ray, which may be gone: nothing after an ordinary end."""
        self.board.interrupted = self.flag.raised
        self.recorder.interrupt()
        if self.floor is not None:
            self.floor.interrupt(self.board)
        self.tracker.close(interrupted=self.flag.raised)


def most_epochs(space: Space) -> int:
    """The largest budget that a trial of this space can have."""
    alternatives = space.domains.get("training.epochs", ())
    budgets = [value for domain in alternatives for value in domain.extremes()]
    return max(budgets, default=build({}).training.epochs)


def described(space: Space) -> dict[str, list[dict[str, Any]]]:
    """The space's domains as a space file would have them."""
    return {
        name: [domain.model_dump(mode="json", by_alias=True) for domain in alternatives]
        for name, alternatives in space.domains.items()
    }
