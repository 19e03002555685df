"""One search on a cluster of three machines, from `ray up` to `ray down`, with what may go wrong in it.

The tests are stages: each goes on from where the one before has left the cluster.
"""

import json
import os
import re
import shlex
import shutil
import signal
import time

import pytest

from models.recordings.synthetic import Recipe, write_data_set
from models.runs import SCORE
from tests.system.conftest import CLUSTER, DASHBOARD, EPOCHS, SHARED
from tests.system.lab import FOLDER, LAPTOP, MEMBERS
from tests.waiting import wait_until

DATA, SPACE = SHARED / "data", SHARED / "space.yaml"
TRIALS = 4
RUN = (
    f"python -m search run {DATA} --name first --space {SPACE} --trials {TRIALS}"
    " --no-floor --stopping none"
)
TRACKED = "http://127.0.0.1:5000/api/2.0/mlflow"

pytestmark = pytest.mark.system


def test_the_token_keeps_others_out(cluster):
    text = cluster.refused(f"RAY_AUTH_MODE=disabled {RUN} --address auto")
    assert "refuses this command's token" in text
    assert "RAY_AUTH_MODE=token" in text
    token = FOLDER / "head/home/.ray/auth_token"
    away = token.rename(token.with_name("away"))
    try:
        text = cluster.refused(f"{RUN} --address auto")
    finally:
        away.rename(token)
    assert "Ray asks for a token, and this machine has none" in text
    assert "put the head's ~/.ray/auth_token on this machine" in text


def test_nothing_but_ssh_and_ray_itself_listens_for_others(cluster):
    text = cluster.lab.run("head", "ss", "-tln")
    public = {
        line.split()[3].rpartition(":")[2]
        for line in text.splitlines()
        if line.startswith("LISTEN") and not line.split()[3].startswith(("127.0.0.1", "[::1]"))
    }
    assert "22" in public
    assert not public & {"5000", "8265"}, "MLflow and the dashboard are for tunnels only"


def test_a_cluster_without_room_says_so_at_once(cluster):
    text = cluster.refused(f"{RUN} --address auto --gpus-per-trial 2")
    assert "no node of the cluster has room for a trial" in text


def test_a_worker_with_another_version_of_the_code_is_refused(cluster):
    changed = FOLDER / "two/home/sensorium-search/search/plan.py"
    before = changed.read_text()
    changed.write_text(before + "\n")
    try:
        text = cluster.refused(f"{RUN} --address auto")
    finally:
        changed.write_text(before)
    assert "10.77.0.3 has code" in text
    assert "10.77.0.2 has" not in text
    assert "the same checkout" in text


def test_workers_without_the_recordings_or_with_others_are_refused(cluster):
    shutil.copytree(DATA, FOLDER / "head/home/data")
    other = Recipe(mice=1, neurons=6, train_trials=12, videos=1, repeats=2, seed=1)
    write_data_set(FOLDER / "two/home/data", other)
    text = cluster.refused(f"{RUN.replace(str(DATA), '~/data')} --address auto")
    assert re.search(r"10\.77\.0\.2: there is no folder \S+/data", text), text
    assert re.search(r"10\.77\.0\.3: fingerprint \w+, elsewhere \w+", text), text
    assert not (SHARED / "searches" / "first").exists()


def test_a_search_outlives_its_terminal_a_node_and_the_server_of_its_records(cluster, capsys):
    with cluster.tunnel(5000):
        cluster.execute(f"setsid nohup {RUN} --address auto > first.log 2>&1 < /dev/null &")
        wait_until(lambda: sorted(cluster.hosts()) == ["one", "two"], 400, log_of)
        before = wait_until(lambda: two_in_the_middle(cluster), 400, log_of)
        lost = time.monotonic()
        cluster.lab.machines["two"].kill()
        wait_until(lambda: len(runs_in_mlflow(cluster)) > 1, 240, "no MLflow in the tunnel")
        server = cluster.lab.machines["head"].processes("mlflow server")
        os.kill(min(server), signal.SIGKILL)
        wait_until(lambda: all_trained_on(cluster, before), 700, log_of)
    with capsys.disabled():
        print(f"\nthe trial of a lost machine went on after {time.monotonic() - lost:.0f} s")


def two_in_the_middle(cluster):
    """The epochs of the two trials that run, once both have some and neither is near its end."""
    epochs = {number: len(lines) for number, lines in cluster.lines("first").items()}
    open_ones = {number: count for number, count in epochs.items() if 0 < count < EPOCHS - 2}
    return open_ones if len(open_ones) == 2 else {}


def all_trained_on(cluster, before):
    """Whether both have more epochs than then, of which one had to begin again elsewhere."""
    now = cluster.lines("first")
    return all(len(now[number]) > epochs for number, epochs in before.items())


def runs_in_mlflow(cluster, by=LAPTOP):
    """What MLflow tells a machine of the runs of the search; empty while it is away."""
    found = cluster.fetch(f"{TRACKED}/experiments/get-by-name?experiment_name=first", by=by)
    if '"experiment_id"' not in found:
        return []
    number = json.loads(found)["experiment"]["experiment_id"]
    runs = cluster.fetch(f"{TRACKED}/runs/search", {"experiment_ids": [number]}, by)
    return json.loads(runs).get("runs", []) if runs.startswith("{") else []


def log_of():
    """What the driver has said."""
    return "\n".join((FOLDER / "head/home/first.log").read_text().splitlines()[-40:])


def test_a_killed_driver_is_resumed(cluster):
    head = cluster.lab.machines["head"]
    drivers = head.processes("python -m search run")
    assert drivers, log_of()
    for number in drivers:
        os.kill(number, signal.SIGKILL)
    text = cluster.execute("python -m search resume first --address auto", timeout=420)
    assert f"{TRIALS} of {TRIALS} trials" in text
    assert " 0 failed" in text
    lines = cluster.lines("first")
    assert sorted(lines) == list(range(TRIALS))
    for number, each in lines.items():
        epochs = [line["epoch"] for line in each]
        assert epochs == list(range(1, len(each) + 1)), f"trial {number} is counted once"


def test_records_are_delivered_once_the_server_is_back(cluster):
    wait_until(lambda: runs_in_mlflow(cluster, "head"), 400, "MLflow was not started again")
    left = "python -m search resume first --address auto; true"
    text = cluster.execute(left) if "records wait" in log_of() else ""
    runs = runs_in_mlflow(cluster, "head")
    assert len(runs) == TRIALS + 1, text
    assert {run["info"]["status"] for run in runs} == {"FINISHED"}, text
    for run in runs:
        if run["info"]["run_name"].startswith("trial"):
            asked = f"run_id={run['info']['run_id']}&metric_key={SCORE}"
            found = cluster.fetch(f"{TRACKED}/metrics/get-history?{asked}", by="head")
            steps = [int(point["step"]) for point in json.loads(found)["metrics"]]
            assert steps == list(range(1, EPOCHS + 1)), "each epoch, once"


def test_the_search_is_seen_from_the_head(cluster):
    text = cluster.execute("python -m search status first && python -m search report first")
    assert "complete" in text
    assert "report.html" in text


def test_a_new_machine_takes_the_place_of_the_lost_one(cluster):
    keeper = cluster.lab.machines["head"].processes("search serve")
    cluster.lab.start("two")
    cluster.up()
    cluster.wait_for_nodes(3)
    assert keeper
    assert cluster.lab.machines["head"].processes("search serve") == keeper, "MLflow lives on"


def test_a_job_confirms_the_best_without_a_terminal(cluster):
    command = "python -m search confirm first --top 1 --folds all --seeds 1 --address auto"
    with cluster.tunnel(8265):
        wait_until(lambda: cluster.fetch(DASHBOARD), 240, "no dashboard in the tunnel")
        cluster.job("submit", "--no-wait", "--submission-id", "confirm", "--", *command.split())
        text = cluster.job("logs", "--follow", "confirm")
        assert "next: python -m ensemble build first" in text
        assert "Job 'confirm' succeeded" in cluster.job("status", "confirm")
    confirmed = (SHARED / "searches/first/confirm").glob("*/*/status.json")
    states = [json.loads(path.read_text())["state"] for path in confirmed]
    assert states == ["complete", "complete"], text


def test_a_trial_is_trained_again_by_a_worker(cluster):
    text = cluster.execute("python -m search rerun first/0 --address auto")
    assert "the same, bit for bit" in text


def test_an_ensemble_is_built_on_the_nodes(cluster):
    out = SHARED / "submission"
    build = f"python -m ensemble build first --data {DATA} --out {out}"
    # The declared GPUs are not there; without them there is a worker for each core of both machines.
    text = cluster.execute(f"{build} --device cpu --address auto", timeout=420)
    assert "parts on 4 workers" in text
    cluster.execute(f"python -m ensemble check {shlex.quote(str(out))} --data {DATA}")


def test_nothing_is_left_after_the_end(cluster):
    head = cluster.lab.machines["head"]
    keeper = head.processes("search serve")
    cluster.ray("down", "-y", CLUSTER)
    for worker in ("one", "two"):
        cluster.lab.run(worker, "ray", "stop", "--force")
    for number in keeper:
        os.kill(number, signal.SIGTERM)
    wait_until(lambda: not head.processes("mlflow"), 240, "MLflow is left")
    assert list((SHARED / "mlflow").glob("mlflow-*.db")), "its last copy is in the bucket"
    for machine in map(cluster.lab.machines.get, MEMBERS):
        for word in ("ray", "raylet", "python"):
            wait_until(lambda w=word, m=machine: not m.processes(w), 240, f"{word} is left")
