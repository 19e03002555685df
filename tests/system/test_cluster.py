"""One search on a cluster of three machines, from `ray up` to `ray down`, with what may go wrong in it.

The tests are stages: each goes on from where the one before has left the cluster.
"""

import json
import os
import shlex
import signal
import time

import pytest

from tests.system.conftest import CLUSTER, EPOCHS, SHARED, wait_until
from tests.system.lab import FOLDER, MEMBERS

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
        text = " ".join(cluster.refused(f"{RUN} --address auto").split())
    finally:
        changed.write_text(before)
    assert "10.77.0.3 has code" in text
    assert "10.77.0.2 has" not in text
    assert "the same checkout" in text


def test_recordings_that_only_the_head_has_are_refused(cluster):
    text = cluster.refused(
        f"cp -r {DATA} ~/data; {RUN.replace(str(DATA), '~/data')} --address auto"
    )
    assert "10.77.0.2: " in text, text
    assert "10.77.0.3: " in text
    assert not (SHARED / "searches" / "first").exists()


def test_a_search_outlives_its_terminal_and_a_node(cluster, capsys):
    cluster.execute(f"setsid nohup {RUN} --address auto > first.log 2>&1 < /dev/null &")
    wait_until(lambda: sorted(cluster.hosts()) == ["one", "two"], 120, log_of)
    before = wait_until(lambda: two_in_the_middle(cluster), 120, log_of)
    lost = time.monotonic()
    cluster.lab.machines["two"].kill()

    with cluster.tunnel(5000):
        runs = wait_until(lambda: mlflow_runs(cluster), 60, "MLflow does not answer in the tunnel")
        assert runs >= 2
        server = [n for n, line in cluster.lab.machines["head"].processes("mlflow server").items()]
        os.kill(min(server), signal.SIGKILL)
        wait_until(lambda: all_trained_on(cluster, before), 240, log_of)
        with capsys.disabled():
            print(f"\nthe trial of a lost machine went on after {time.monotonic() - lost:.0f} s")
        wait_until(lambda: mlflow_runs(cluster), 120, "MLflow was not started again")


def two_in_the_middle(cluster):
    """The epochs of the two trials that run, once both have some and neither is near its end."""
    epochs = {number: len(lines) for number, lines in cluster.lines("first").items()}
    open_ones = {number: count for number, count in epochs.items() if 0 < count < EPOCHS - 2}
    return open_ones if len(open_ones) == 2 else {}


def all_trained_on(cluster, before):
    """Whether both have more epochs than then, of which one had to begin again elsewhere."""
    now = cluster.lines("first")
    return all(len(now[number]) > epochs for number, epochs in before.items())


def mlflow_runs(cluster):
    """How many runs MLflow shows at the laptop; 0 while it is away."""
    found = cluster.fetch(f"{TRACKED}/experiments/get-by-name?experiment_name=first")
    if '"experiment_id"' not in found:
        return 0
    number = json.loads(found)["experiment"]["experiment_id"]
    runs = cluster.fetch(f"{TRACKED}/runs/search", {"experiment_ids": [number]})
    return len(json.loads(runs).get("runs", ())) if runs.startswith("{") else 0


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


def test_the_search_is_seen_from_the_head(cluster):
    assert "complete" in cluster.execute("python -m search status first")
    assert "report.html" in cluster.execute("python -m search report first")


def test_a_new_machine_takes_the_place_of_the_lost_one(cluster):
    keeper = cluster.lab.machines["head"].processes("search serve")
    cluster.lab.start("two")
    cluster.up()
    wait_until(lambda: cluster.nodes() == 3, 120, "the workers did not join again")
    assert keeper
    assert cluster.lab.machines["head"].processes("search serve") == keeper, "MLflow lives on"


def test_a_trial_is_trained_again_by_a_worker(cluster):
    text = cluster.execute("python -m search rerun first/0 --address auto")
    assert "the same, bit for bit" in text


def test_an_ensemble_is_built_on_the_nodes(cluster):
    out = SHARED / "submission"
    build = f"python -m ensemble build first --unconfirmed --data {DATA} --out {out}"
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
    wait_until(lambda: not head.processes("mlflow"), 60, "MLflow is left")
    assert list((SHARED / "mlflow").glob("mlflow-*.db")), "its last copy is in the bucket"
    for machine in map(cluster.lab.machines.get, MEMBERS):
        for word in ("ray", "raylet", "python"):
            wait_until(lambda w=word, m=machine: not m.processes(w), 60, f"{word} is left")
