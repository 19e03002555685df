"""A process of its own with a Ray of two nodes, which the command is asked about.

Here and not in a test: a process has one Ray, and that of the other tests is another.
"""

import os
import secrets
import sys
import tempfile

from models import console


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="ray") as folder:
        os.environ |= {"RAY_TMPDIR": folder, "RAY_USAGE_STATS_ENABLED": "0"}
        os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
        from ray.cluster_utils import Cluster

        from search.cli import app

        head = {"num_cpus": 0, "include_dashboard": False}
        cluster = Cluster(initialize_head=True, head_node_args=head)
        try:
            cluster.add_node(num_cpus=1, num_gpus=1)
            sys.argv += ["--address", cluster.address]
            console.run(app, "python -m search")
        finally:
            cluster.shutdown()


if __name__ == "__main__":
    main()
