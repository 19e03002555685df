"""Workers come with the queue of trials and go when it is empty."""

import json
import os
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
    }
    process = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=400
    )
    assert process.returncode == 0, process.stdout[-3000:] + process.stderr[-3000:]
    counts = json.loads((tmp_path / "nodes.json").read_text())
    assert counts[0] == 0
    # Ray may count a node that was ended a moment ago beside the one in its place.
    assert WORKERS in counts, (tmp_path / "output").read_text()
    # Ray counts a node that has just ended beside the one in its place.
    assert max(counts) <= WORKERS + 1
    assert counts[-1] == 0
    assert (tmp_path / "complete").read_text() == str(TRIALS)
    shutil.rmtree(tmp_path)
