"""A running Ray for the tests that need one, and what each search is asked for."""

import json

import numpy as np
import optuna
import pytest
import ray
import yaml
from rich.console import Console

from models.remote import Remote
from search.cluster import local_ray
from search.driver import resume_search, run_search
from search.limits import Limits
from search.plan import Plan, read_plan
from search.resources import Resources
from tests.search import fakes
from tests.search.apart import steps_on

optuna.logging.set_verbosity(optuna.logging.WARNING)


@pytest.fixture
def data(tmp_path):
    """A folder that looks like recordings."""
    session = tmp_path / "data" / "dynamic1-2-3-Video-00"
    statistics = [f"meta/statistics/{kind}/all" for kind in ("responses", "behavior")]
    for part in ("data/videos", "meta/trials", "meta/neurons", *statistics):
        (session / part).mkdir(parents=True)
    np.save(session / "data/videos/0.npy", np.zeros((36, 64, 3)))
    np.save(session / "meta/trials/tiers.npy", np.array(["train"]))
    np.save(session / "meta/neurons/unit_ids.npy", np.array([1, 2]))
    for part in statistics:
        np.save(session / part / "std.npy", np.ones((2, 3)))
    return session.parent


@pytest.fixture
def store(tmp_path):
    """Of a search whose machines share nothing else; see `tests.search.apart.lose`."""
    return Remote.parse((tmp_path / "store").as_uri())


@pytest.fixture
def node(tmp_path, store):
    """Steps of the same run on a machine of this name."""
    return lambda name, *given, **more: steps_on(tmp_path / name, store, *given, **more)


@pytest.fixture(scope="session")
def two_slots():
    """Ray with two slots, shared by the searches of all tests."""
    with local_ray(slots=2, gpus=0):
        yield
    assert not ray.is_initialized()


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    """Where all searches of the tests are kept: MLflow takes seconds to make its database."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def search(tmp_path, data, home, two_slots):  # noqa: ARG001
    """Runs a search whose first trials behave in these ways; gives the scoreboard and the output."""

    def run(kinds, name, **asked):
        space = tmp_path / "space.yaml"
        space.write_text(yaml.safe_dump(space_of(kinds)))
        limits = Limits(trials=len(kinds) or None)
        given = {"limits": limits, "fit": "tests.search.fakes:FakeFit", **asked}
        plan = Plan(name=name, data=data, space=str(space), **given)
        with (tmp_path / "output").open("w") as file:
            console = Console(file=file, width=200)
            board = run_search(plan, home, Resources(2, 0, 0, 1), console)
        return board, (tmp_path / "output").read_text()

    def resume(name, **changes):
        plan = read_plan(home, name).model_copy(update=changes)
        with (tmp_path / "output").open("w") as file:
            console = Console(file=file, width=200)
            return resume_search(plan, home, Resources(2, 0, 0, 1), console)

    run.resume = resume
    return run


def space_of(kinds):
    """A space whose first trials behave in these ways."""
    return {
        "fixed": {"network.family": "linear", "training.epochs": fakes.EPOCHS},
        "parameters": {
            "network.filters": {"int": [1, fakes.SLOW]},
            "training.learning_rate": {"log": [1e-3, 1e-2]},
        },
        "first": [{"network.filters": kind} for kind in kinds],
    }


def read_json(path):
    return json.loads(path.read_text())
