"""How many trials a Ray cluster has room for: on the nodes that it has, and on those that may join.

Pure but for `present` and `promised`, which ask Ray and read what `ray up` left on the head.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from models.errors import UserError
from search.doctor.nodes import living_nodes
from search.resources import Resources, check_share

PROMISES = Path("~/ray_bootstrap_config.yaml")
"""Where `ray up` puts the cluster file on the head, by which the autoscaler there starts nodes."""
MORE = "Add such workers to the cluster file and run 'ray up' again"


@dataclass(frozen=True)
class Kind:
    """Nodes that are alike."""

    count: int
    cpus: float
    gpus: float
    """Of each node."""

    def fits(self, cpus: float, gpus: float) -> int:
        """How many trials with these shares one node has room for; Ray splits no share over GPUs."""
        by_cpus = int(self.cpus / cpus + 1e-9)
        if not gpus:
            return by_cpus
        if gpus > 1:
            return min(by_cpus, int(self.gpus // gpus))
        return min(by_cpus, int(self.gpus) * int(1 / gpus + 1e-9))


def present() -> list[Kind]:
    """The living nodes of the cluster that this process is connected to."""
    return [_kind(1, node["Resources"]) for node in living_nodes()]


def promised(path: Path = PROMISES) -> list[Kind]:
    """The nodes that the autoscaler may start in all; none where this is no head of `ray up`."""
    try:
        config = yaml.safe_load(path.expanduser().read_text())
        head, most = config["head_node_type"], int(config.get("max_workers", 0))
        types = {k: v for k, v in config["available_node_types"].items() if k != head}
    except (OSError, yaml.YAMLError, KeyError, TypeError):
        return []
    kinds = [
        _kind(each.get("max_workers", most), each.get("resources", {})) for each in types.values()
    ]
    found = []
    for kind in sorted(kinds, key=lambda kind: -kind.gpus):
        found.append(replace(kind, count=min(kind.count, most)))
        most -= found[-1].count  # all types together are limited, too
    return found


def _kind(count: int, resources: dict[str, float]) -> Kind:
    return Kind(count, float(resources.get("CPU", 0)), float(resources.get("GPU", 0)))


def cluster_resources(
    address: str,
    now: Sequence[Kind],
    later: Sequence[Kind],
    slots: int | None,
    gpus_per_trial: float | None,
    cpus_per_trial: float = 1.0,
) -> Resources:
    """So many trials at a time as are asked for, else as many as the cluster may come to hold.

    A trial has a GPU, unless another share is asked for. Raises UserError where not one trial would
    ever find room: Ray would wait for it without a word.
    """
    share = 1.0 if gpus_per_trial is None else gpus_per_trial
    check_share(share)
    most = max(_room(kinds, cpus_per_trial, share) for kinds in (now, later))
    if most == 0:
        raise _no_room([*now, *later], cpus_per_trial, share)
    if slots is not None and not 1 <= slots <= most:
        message = f"--slots is 1 to {most} on this cluster; found {slots}"
        raise UserError(message, f"{MORE}, or leave --slots out.")
    fits = [(kind.fits(cpus_per_trial, share), kind.cpus) for kind in (*now, *later)]
    threads = min(int(cpus / each) for each, cpus in fits if each)
    gpus = int(sum(kind.count * kind.gpus for kind in now))
    ahead = 1 if slots in (None, most) else 0
    return Resources(slots or most, share, gpus, max(1, threads), address, ahead)


def _room(kinds: Sequence[Kind], cpus: float, gpus: float) -> int:
    return sum(kind.count * kind.fits(cpus, gpus) for kind in kinds)


def _no_room(kinds: Sequence[Kind], cpus: float, gpus: float) -> UserError:
    """Why not one trial has room."""
    if gpus and not any(kind.count and kind.gpus for kind in kinds):
        message = f"a trial asks for {gpus:g} GPU, and no node of the cluster has one or may join"
        return UserError(message, f"{MORE}, or give --gpus-per-trial 0 to train on CPU cores.")
    best = [f"{kind.cpus:g} CPUs and {kind.gpus:g} GPUs" for kind in kinds if kind.count]
    found = ", ".join(dict.fromkeys(best)) or "no nodes"
    message = f"no node of the cluster has room for a trial of {cpus:g} CPUs and {gpus:g} GPUs"
    return UserError(f"{message}; found {found}", f"{MORE}, or ask for less for a trial.")
