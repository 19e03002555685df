"""A driver's parts without Ray: a test plays the trials, and kills the driver by letting it go."""

import io

import optuna
from rich.console import Console

from models.runs import RunFolder
from search.attributes import ATTRIBUTE_FLAT
from search.ledger import Ledger
from search.limits import Limits
from search.machine import Machine
from search.objectives import ONE
from search.outbox import Outbox
from search.progress import Progress
from search.reading import parse_space
from search.recorder import Recorder
from search.sampler import Proposer, open_study
from search.scoreboard import Scoreboard
from search.signals import Flag
from search.space import build
from search.stopping import make_pruner
from search.tracking import Tracker
from search.trainable import FLAT, NUMBER
from tests.search import fakes

SPACE = parse_space(
    {
        "fixed": {
            "network.family": "linear",
            "training.epochs": fakes.EPOCHS,
            "network.filters": fakes.GOOD,
        },
        "parameters": {"training.learning_rate": {"log": [1e-3, 1e-2]}},
    },
    "a test",
)


def parameters_of(flat):
    """A count that is as good as any."""
    return round(1e6 * flat["training.learning_rate"])


class Driver:
    """All that records what becomes of trials, on the search in this folder."""

    def __init__(self, folder, rule="none", limits_check=lambda _: "", objectives=ONE):
        (folder / "runs").mkdir(parents=True, exist_ok=True)
        self.folder, self.file, self.settled = folder, io.StringIO(), []
        study = open_study(folder, "a", objectives)
        study.pruner = make_pruner(rule, fakes.EPOCHS, 1, 2)
        study.sampler = optuna.samplers.RandomSampler(seed=len(study.trials))
        self.flag, self.outbox = Flag(), Outbox(folder)
        self.board = Scoreboard(None, objectives=objectives)
        count = parameters_of if "parameters" in objectives else lambda _: None
        self.proposer = Proposer(study, SPACE, 0, folder / "runs", self.flag, limits_check, count)
        self.tracker, self.ledger = Tracker(self.outbox, folder), Ledger(folder, 1.0)
        console = Console(file=self.file, width=200)
        progress = Progress(console, self.board, self.ledger, Limits(), Machine())
        parts = (self.proposer, self.tracker, self.board, progress, self.ledger)
        self.recorder = Recorder(*parts, lambda: self.settled.append(1))

    def begin(self, trials=1):
        """Trials that have a worker; their numbers."""
        return [self.begin_one() for _ in range(trials)]

    def begin_one(self):
        proposed = self.proposer.suggest("ray-id")
        self.recorder.start(proposed[NUMBER], proposed[FLAT], "ray-id")
        return proposed[NUMBER]

    def fit(self, number):
        """What a worker has of a trial."""
        flat = self.trial(number).user_attrs[ATTRIBUTE_FLAT]
        return fakes.FakeFit(self.run(number).path, build(flat), self.folder, "cpu", lambda: False)

    def train(self, number, epochs=1, told=True):
        """Epochs on disk, and told to the driver or not; the last one's metrics."""
        fit = self.fit(number)
        for _ in range(epochs):
            line = fit.train_epoch()
            if told:
                self.recorder.epoch(number, line)
        return line

    def finish(self, number):
        """Complete a run on disk."""
        self.fit(number).finish()

    def run(self, number):
        return RunFolder(self.folder / "runs" / str(number))

    def trial(self, number):
        return self.proposer.study.get_trials(deepcopy=False)[number]

    def records(self, do, key):
        """What was put into the outbox of a run."""
        history = list(self.outbox.history())
        return [each for each in history if (each["do"], each["key"]) == (do, str(key))]

    def logged(self, number):
        """The epochs in the outbox."""
        return [each["step"] for each in self.records("metrics", number)]
