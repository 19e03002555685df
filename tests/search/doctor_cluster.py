"""A process of its own with a Ray of two nodes, which the command is asked about.

Here and not in a test: a process has one Ray, and that of the other tests is another.
"""

import sys

from models import console
from tests.search.own_ray import own_cluster


def main() -> None:
    with own_cluster() as cluster:
        from search.cli import app

        cluster.add_node(num_cpus=1, num_gpus=1)
        sys.argv += ["--address", cluster.address]
        console.run(app, "python -m search")


if __name__ == "__main__":
    main()
