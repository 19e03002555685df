"""All checks, one after the other; a check that fails keeps none from being made."""

import contextlib
import time
from collections.abc import Mapping
from pathlib import Path

from models.recordings.where import Where, absolute
from search.doctor import compare, devices, storage
from search.doctor.lines import Finding, guarded, ok
from search.doctor.machine import Machine, describe, software
from search.doctor.nodes import Nodes, ThisMachine, nodes

ROUNDS = 3
"""Times that a clock is asked; the quickest answer says most."""


def examine(data: Where, home: Path, address: str | None, store: str = "") -> list[Finding]:
    """Every finding about the machines, the recordings, the storage and the records.

    With a store the home need not be shared.
    Where the cluster at `address` can't be joined, that is a problem, and this machine is examined.
    """
    with contextlib.ExitStack() as stack:
        those: list[Nodes] = []
        joined = guarded("Ray", lambda: _join(stack, address, those))
        nodes = those[0] if those else ThisMachine()
        return [*joined, *_examine(nodes, absolute(data), home, store)]


def _join(stack: contextlib.ExitStack, address: str | None, joined: list[Nodes]) -> list[Finding]:
    """Append the nodes at the address."""
    import ray  # an installation that does not fit is found here

    joined.append(stack.enter_context(nodes(address)))
    where = "a search starts it on this machine" if address is None else f"at {address}"
    return [ok("Ray", f"{ray.__version__}, {where}")]


def _examine(nodes: Nodes, data: Where, home: Path, store: str) -> list[Finding]:
    answers = nodes.ask(describe, home, data)
    machines = {a.node: a.value for a in answers if a.value is not None}
    silent = {a.node: a.failure for a in answers if a.value is None}
    nodes.names = list(machines)  # whoever was silent is not asked again
    return [
        *compare.answers(silent, len(answers), nodes.summary),
        *_of_machines(machines, nodes, data, home),
        *guarded("storage", lambda: storage.checked(nodes, home, store)),
        *guarded("MLflow", lambda: _tracking(home)),
    ]


def _of_machines(
    machines: Mapping[str, Machine], nodes: Nodes, data: Where, home: Path
) -> list[Finding]:
    seen = {node: machine.gpus for node, machine in machines.items()}
    checks = {
        "GPUs": lambda: devices.gpus(seen, nodes.declared_gpus),
        "cores": lambda: compare.cores(machines),
        "memory": lambda: compare.memory(machines),
        "disk": lambda: compare.disks(str(home), machines),
        "data": lambda: compare.data(str(data), machines),
        "versions": lambda: compare.versions(software(), machines),
        "clock": lambda: compare.clocks(skews(nodes)),
    }
    return [line for name, check in checks.items() if machines for line in guarded(name, check)]


def skews(nodes: Nodes) -> dict[str, float]:
    """Seconds by which each other machine's clock is ahead of this one's; none without a cluster."""
    if isinstance(nodes, ThisMachine):
        return {}
    return {node: _skew(nodes, node) for node in nodes.names}


def _skew(nodes: Nodes, node: str) -> float:
    """From the middle of the quickest round trip."""
    trips = []
    for _ in range(ROUNDS):
        before = time.time()
        (answer,) = nodes.ask(time.time, of=[node])
        after = time.time()
        if answer.value is not None:
            trips.append((after - before, answer.value - (before + after) / 2))
    return min(trips)[1]


def _tracking(home: Path) -> list[Finding]:
    from search.doctor import tracking

    return tracking.check(home)
