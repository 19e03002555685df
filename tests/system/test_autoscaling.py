"""Workers come with the queue of trials and go when it is empty."""

import json
import os
import re
import secrets
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.system.autoscaled import TRIALS, WORKERS
from tests.system.lab import ROOT, why_not

pytestmark = pytest.mark.system

# Ray's own helper ends all processes of Ray by name: only in namespaces of their own.
SPACES = ("--pid", "--mount", "--net", "--fork", "--kill-child", "--mount-proc")
# A Ray of its own, beside those of others.
SCRIPT = """
mount --make-rprivate / && mount --bind "$1/ray" /tmp/ray && ip link set lo up
exec "$0" -m tests.system.autoscaled "$1"
"""


@pytest.mark.skipif(bool(why_not()), reason=f"a cluster on one machine {why_not()}")
def test_workers_come_with_the_queue_and_go_with_it(tmp_path):
    (tmp_path / "ray").mkdir()
    command = ["unshare", *SPACES, "bash", "-c", SCRIPT, sys.executable, str(tmp_path)]
    tools = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = os.environ | {
        "HOME": str(tmp_path),
        "OMP_NUM_THREADS": "1",
        "PATH": tools,
        "PYTHONPATH": str(ROOT),
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_worker_niceness": "0",
    }
    process = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=900
    )
    assert process.returncode == 0, process.stdout[-3000:] + process.stderr[-3000:]
    seen = json.loads((tmp_path / "nodes.json").read_text())
    assert not seen[0]
    surplus = ended_as_too_many(tmp_path)
    counts = [len(set(nodes) - surplus) for nodes in seen]
    assert max(counts) == WORKERS, (tmp_path / "output").read_text()
    assert len({node for nodes in seen for node in nodes} - surplus) == WORKERS, "none is replaced"
    assert not seen[-1]
    assert (tmp_path / "complete").read_text() == str(TRIALS)
    shutil.rmtree(tmp_path)


def ended_as_too_many(folder):
    """The nodes that Ray launched beyond the limit of the cluster file, and ended because of it.

    Ray's first autoscaler lists the nodes, then asks how many are being launched. A launch that ends in
    between is in neither number, so that a node is launched twice. Ray's next look, a second later,
    finds one more than there may be and ends it.
    """
    (log,) = (folder / "ray").glob("session_2*/logs/monitor.log")
    ended = r"Terminating the node with id (\w+) and ip \w+\. \(max[_ ]workers"
    return set(re.findall(ended, log.read_text()))
