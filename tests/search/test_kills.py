"""A search whose driver and workers are killed again and again ends as one that was left alone."""

import contextlib
import random
import shutil
import time
from collections import Counter

import psutil
import pytest
import yaml
from optuna.trial import TrialState

from models.recordings.synthetic import Recipe, write_data_set
from models.runs import SCORE, TAG_NUMBER, TAG_ROLE, TAG_STATE, RunFolder
from search.limits import Limits
from search.mlflow_store import open_client
from search.plan import FIT, Plan
from search.rerun import rerun
from search.sampler import load_study
from tests.search.searching import driver

TRIALS, DRIVER_KILLS, WORKER_KILLS = 20, 8, 4
SPACE = {
    "fixed": {
        "network.family": "linear",
        "network.clip_frames": 40,
        "data.downsample": 4,
        "data.folds": 2,
        "training.epochs": 4,
        "training.clips_per_epoch": 200,
        "training.batch_size": 4,
        "training.checkpoint_minutes": 0,
    },
    "parameters": {
        "training.learning_rate": {"log": [1e-3, 1e-2]},
        "training.weight_decay": {"log": [1e-4, 1e-1]},
    },
}
STATES = {"complete": "COMPLETE", "pruned": "PRUNED", "failed": "FAIL"}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture
def killed(tmp_path):
    """The home of a search of TRIALS trials that was killed, and resumed until its end."""
    write_data_set(tmp_path / "data", Recipe(mice=1, neurons=4, train_trials=6, repeats=1))
    (tmp_path / "space.yaml").write_text(yaml.safe_dump(SPACE))
    plan = Plan(
        name="killed",
        data=tmp_path / "data",
        space=str(tmp_path / "space.yaml"),
        limits=Limits(trials=TRIALS),
        slots=2,
        keep=TRIALS,
    )
    (tmp_path / "plan.json").write_text(plan.model_dump_json())
    kill_until_the_end(tmp_path)
    return tmp_path / "home"


def kill_until_the_end(place):
    """Kill a driver or a worker at random moments, and start the driver again where it is gone."""
    chance = random.Random(0)
    kills = ["driver"] * DRIVER_KILLS + ["worker"] * WORKER_KILLS
    chance.shuffle(kills)
    while True:
        with driver(place / "plan.json", place / "home", place / "output") as process:
            while kills:
                wait_for_a_trial(place, process)
                time.sleep(chance.uniform(0, 2))
                if kills.pop() == "driver":
                    process.kill()
                    break
                wait_for_a_trial(place, process)[0].kill()
            else:
                process.join()
                assert process.exitcode == 0, (place / "output").read_text()[-2000:]
                return


def wait_for_a_trial(place, process):
    """The workers of this driver, as soon as there are any."""
    deadline = time.monotonic() + 600
    while not (found := workers(process)):
        output = (place / "output").read_text()[-2000:]
        assert process.is_alive(), f"the search is over before all is killed: {output}"
        assert time.monotonic() < deadline, output
        time.sleep(0.05)
    return found


def workers(process):
    """The processes of Ray's actors below a driver."""
    found = []
    with contextlib.suppress(psutil.NoSuchProcess):
        for each in psutil.Process(process.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess, IndexError):
                found += [each] if each.cmdline()[0].startswith("ray::Trainable") else []
    return found


def test_nothing_is_lost_and_nothing_is_trained_twice(killed):
    study = load_study(killed / "killed", "killed")
    trials = [trial for trial in study.trials if "configuration" in trial.user_attrs]
    assert len(trials) == TRIALS
    states = Counter(trial.state for trial in trials)
    assert set(states) == {TrialState.COMPLETE, TrialState.PRUNED}, "a lost worker is no failure"
    others = [trial for trial in study.trials if "configuration" not in trial.user_attrs]
    assert {trial.user_attrs.get("refused") for trial in others} <= {"was tried already"}
    client = open_client(killed)
    experiment = client.get_experiment_by_name("killed")
    runs = client.search_runs([experiment.experiment_id])
    numbered = {run.data.tags[TAG_NUMBER]: run for run in runs if TAG_NUMBER in run.data.tags}
    assert len(runs) == len(numbered) + 2, "MLflow has one run a trial, a parent and the floor's"
    assert Counter(run.data.tags[TAG_ROLE] for run in runs) == Counter(
        trial=TRIALS, search=1, floor=1
    )
    for trial in trials:
        folder = RunFolder(killed / "killed" / "runs" / str(trial.number))
        status, run = folder.status(), numbered[str(trial.number)]
        assert STATES[status.state] == trial.state.name
        assert run.data.tags[TAG_STATE] == status.state
        scores = {int(line["epoch"]): line[SCORE] for line in folder.metrics()}
        assert scores == trial.intermediate_values
        history = client.get_metric_history(run.info.run_id, SCORE)
        assert [(point.step, point.value) for point in history] == sorted(scores.items())
    ended = (killed / "killed" / "runs").glob("*/status.json")
    assert len(list(ended)) == TRIALS

    complete = [trial.number for trial in trials if trial.state == TrialState.COMPLETE]
    assert complete
    for number in complete[:3]:
        again = rerun(killed, "killed", number, "cpu", None, FIT, lambda _: None)
        assert again.same_weights, f"trial {number} is not as one that was never disturbed"
        assert again.largest_difference == 0
    shutil.rmtree(killed)
