"""A Ray of this process's own, with nodes that are declared: for processes that tests start."""

import contextlib
import os
import secrets
import tempfile


@contextlib.contextmanager
def own_cluster():
    """A cluster of a head without cores, to which nodes can be added."""
    with tempfile.TemporaryDirectory(prefix="ray") as folder:
        os.environ |= {"RAY_TMPDIR": folder, "RAY_USAGE_STATS_ENABLED": "0"}
        os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
        from ray.cluster_utils import Cluster  # which reads them

        head = {"num_cpus": 0, "include_dashboard": False}
        cluster = Cluster(initialize_head=True, head_node_args=head)
        try:
            yield cluster
        finally:
            cluster.shutdown()
