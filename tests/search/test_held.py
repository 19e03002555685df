"""A search on nodes of which one has the recordings already."""

import json
import os
import subprocess
import sys

import pytest
import yaml

from models.recordings.store import cache
from models.recordings.synthetic import Recipe, write_data_set
from tests.models.fetching import uploaded
from tests.models.packed_stores import packed
from tests.search import fakes

SPACE = {
    "fixed": {"network.family": "linear", "network.filters": fakes.GOOD},
    "parameters": {"training.learning_rate": {"log": [1e-3, 1e-2]}},
}


@pytest.mark.slow
@pytest.mark.parametrize("holder", [0, 2])
def test_trials_start_where_the_recordings_are_while_there_is_room(tmp_path, holder):
    write_data_set(tmp_path / "data", Recipe(mice=1, neurons=4, train_trials=6, repeats=1))
    uri = (tmp_path / "bucket").as_uri()
    uploaded(packed(tmp_path / "data"), uri)
    (tmp_path / "space.yaml").write_text(yaml.safe_dump(SPACE))
    program = [sys.executable, "-m", "tests.search.held_cluster"]
    ended = subprocess.run(
        [*program, uri, str(tmp_path / "home"), str(holder)],
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
        env=os.environ | {cache.VARIABLE: str(tmp_path / "cache")},
    )
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout.splitlines()[-1])
    one_at_a_time, as_many_as_there_are_nodes = told["used"]
    assert one_at_a_time == [told["holder"]] * 2
    assert told["task"] == told["holder"]
    assert sorted(as_many_as_there_are_nodes) == sorted(told["all"])
