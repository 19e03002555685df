"""What nodes said of themselves, as findings: pure rules, one function a line."""

import math
from collections.abc import Mapping, Sequence

from search.doctor.lines import Finding, gigabytes, ok, plural, problem, warning
from search.doctor.machine import Machine, Software
from search.doctor.nodes import HERE

Machines = Mapping[str, Machine]
"""By node, in the order of asking; this machine first."""

GIGABYTE = 1e9
LEAST_DISK, LITTLE_DISK = 1 * GIGABYTE, 10 * GIGABYTE
LEAST_MEMORY, LITTLE_MEMORY = 1 * GIGABYTE, 4 * GIGABYTE
LITTLE_SHARED = 1 * GIGABYTE
SKEW = 2.0
"""Seconds between two clocks."""
INSTALL = "the same checkout, then 'pip install -c .ci/constraints.txt -e .'."
SAME_DATA = "Put the same recordings at the same path on every node, or on shared storage."


def answers(silent: Mapping[str, str], count: int, summary: str) -> list[Finding]:
    """Which nodes answered; `silent` are the reasons of those that did not, `count` are all."""
    unheard = [problem("nodes", f"{node}: {why}", _remedy(why)) for node, why in silent.items()]
    if len(silent) == count or not summary:
        return unheard
    some = f"; {count - len(silent)} of them answer" if silent else ""
    return [*unheard, ok("nodes", summary + some)]


def _remedy(why: str) -> str:
    if "No module named" in why:
        return "Put this project at the same path on every node, or 'pip install -e .' there."
    return "See that the node is up ('ray status'), and restart Ray on it."


def versions(here: Software, machines: Machines) -> list[Finding]:
    """Every node has what this process has."""
    found = []
    for node, machine in machines.items():
        there = machine.software
        names = sorted(here.versions.keys() | there.versions.keys())
        other = [
            f"{name} {there.versions.get(name, 'missing')} (here {here.versions.get(name, 'missing')})"
            for name in names
            if here.versions.get(name) != there.versions.get(name)
        ]
        if other:
            told = f"{node} has {', '.join(other)}; its commit is {there.commit}"
            found.append(problem("versions", told, f"Bring it to commit {here.commit}: {INSTALL}"))
    alike = ", ".join(f"{name} {version}" for name, version in here.versions.items())
    told = f"{alike}, commit {here.commit}{_everywhere(machines)}"
    return found or [ok("versions", told)]


def clocks(skews: Mapping[str, float]) -> list[Finding]:
    """Seconds by which each node's clock is ahead of this machine's, and how much is too much."""
    remedy = "Synchronise the clocks: 'timedatectl set-ntp true', or chrony."
    found = [
        problem("clock", f"{node} is {abs(s):.1f} s {'ahead' if s > 0 else 'behind'}", remedy)
        for node, s in skews.items()
        if abs(s) > SKEW
    ]
    if found or not skews:
        return found
    largest = max(abs(skew) for skew in skews.values())
    return [ok("clock", f"within {largest:.2f} s on {plural(len(skews), 'node')}")]


def data(path: str, machines: Machines) -> list[Finding]:
    """The recordings are there, readable and the same on every node, and packed."""
    reference = next((m.recordings for m in machines.values() if m.recordings.fingerprint), None)
    found = []
    for node, machine in machines.items():
        seen = machine.recordings
        whose = "" if node == HERE else f"{node}: "
        if seen.failure:
            found.append(problem("data", whose + seen.failure, seen.remedy or SAME_DATA))
        elif reference and seen.fingerprint != reference.fingerprint:
            told = f"{whose}fingerprint {seen.fingerprint}, elsewhere {reference.fingerprint}"
            found.append(problem("data", told, SAME_DATA))
    if found or reference is None:
        return found
    mice = plural(reference.mice, "mouse", "mice")
    what = f"{mice}, fingerprint {reference.fingerprint}{_everywhere(machines)}"
    what += _to_fetch([m.recordings.missing for m in machines.values()])
    unpacked = [node for node, m in machines.items() if m.recordings.packed < m.recordings.mice]
    if unpacked:
        where = f" on {', '.join(unpacked)}" if len(unpacked) < len(machines) else ""
        remedy = f"Pack them once, which makes reading far faster: python -m models pack {path}"
        return [warning("data", f"{what}, not all packed{where}", remedy)]
    return [ok("data", f"{what}, packed")]


def _to_fetch(missing: Sequence[int]) -> str:
    """How much the nodes that do not have the recordings yet will fetch."""
    those = [size for size in missing if size]
    where = f" on {plural(len(those), 'node')}" if len(missing) > 1 else ""
    return f", {gigabytes(max(those))} to be fetched{where}" if those else ""


def _everywhere(machines: Machines) -> str:
    return f" on {plural(len(machines), 'node')}" if len(machines) > 1 else ""


def disks(home: str, machines: Machines) -> list[Finding]:
    """Room for runs and for temporary files."""
    remedy = "Free some space, or give --home on a larger disk."
    bounds = (LEAST_DISK, LITTLE_DISK)
    of_home = {node: machine.home for node, machine in machines.items()}
    found = room("disk", f"at {home}", of_home, bounds, remedy)
    for folder in dict.fromkeys(m.temporary_folder for m in machines.values()):
        those = {n: m.temporary for n, m in machines.items() if m.temporary_folder == folder}
        remedy = f"Free some space in {folder}, or set TMPDIR to a larger disk."
        found += room("disk", f"at {folder}", those, bounds, remedy)
    return found


def memory(machines: Machines) -> list[Finding]:
    """Room for the driver, Ray and the trials; and for Ray's objects in shared memory."""
    free = {node: machine.memory for node, machine in machines.items()}
    remedy = "End other programs, or run fewer trials at a time with --slots."
    found = room(
        "memory", "for the driver, Ray and trials", free, (LEAST_MEMORY, LITTLE_MEMORY), remedy
    )
    shared = {node: machine.shared_memory for node, machine in machines.items()}
    remedy = "Give the container more: docker run --shm-size=2g. Ray uses the disk instead."
    return found + room("memory", "in /dev/shm", shared, (0, LITTLE_SHARED), remedy)


def room(
    name: str, place: str, free: Mapping[str, float], bounds: tuple[float, float], remedy: str
) -> list[Finding]:
    """A line for each node with less than the bounds allow (problem, warning), one for the others.

    `free` are bytes; NaN, where a node does not tell, is passed over.
    """
    least, little = bounds
    found, enough = [], []
    for node, size in free.items():
        told = f"{gigabytes(size)} free {place}" + (f" on {node}" if len(free) > 1 else "")
        if size < least:
            found.append(problem(name, told, remedy))
        elif size < little:
            found.append(warning(name, told, remedy))
        elif not math.isnan(size):
            enough.append(size)
    if enough:
        told = f"{gigabytes(min(enough))} free {place}"
        many = f"at least {told} on {plural(len(enough), 'node')}"
        found.append(ok(name, many if len(free) > 1 else told))
    return found


def cores(machines: Machines) -> list[Finding]:
    """How many each node has."""
    alike: dict[int, int] = {}
    for machine in machines.values():
        alike[machine.cores] = alike.get(machine.cores, 0) + 1
    if len(machines) == 1:
        return [ok("cores", str(*alike))]
    told = [f"{plural(count, 'node')} with {cores}" for cores, count in alike.items()]
    return [ok("cores", ", ".join(told))]
