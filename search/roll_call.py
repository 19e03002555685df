"""Nodes that join a running search are asked as the first ones were; who may not train gets no trial.

A node that may not is drained: Ray starts nothing there any more, and what runs there goes on elsewhere.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ray
from ray.tune.result import NODE_IP
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from search.admission import objections
from search.doctor.lines import described
from search.doctor.machine import Machine, describe
from search.doctor.nodes import Answer, living_nodes
from search.steps import FAILURE, LEAVING
from search.trainable import NODE

EVERY = 5.0
"""Seconds between looks at the nodes."""
DEVICE_ERRORS = ("CUDA error", "cuDNN error", "CUBLAS_STATUS", "NVML", "Xid")
"""What a device that is broken says; one that has too little memory says something else."""
TWICE = 2
GRACE = 90.0
"""Seconds for the checkpoints of a node that is taken away: AWS gives two minutes."""
Drain = Callable[[str, str, float], None]


@dataclass
class RollCall:
    """Which nodes of a cluster train for a search, and which are kept from it."""

    home: Path
    data: Path
    tell: Callable[[str], None]
    drain: Drain
    """Takes the id of a node, the reason, and in how many seconds what runs there is to end."""
    _known: set[str] = field(default_factory=set)
    _asked: dict[Any, tuple[str, str]] = field(default_factory=dict)
    """Ids and addresses of the nodes that have not answered yet."""
    _errors: dict[str, int] = field(default_factory=dict)
    """By node, trials in a row that its device has failed."""
    _leaving: set[str] = field(default_factory=set)
    _due: float = 0.0

    def tick(self) -> None:
        """Ask who is new, and hear who has answered; returns at once."""
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + EVERY
        for node in living_nodes():
            if node["NodeID"] not in self._known:
                self._known.add(node["NodeID"])
                asked = _ask(node["NodeID"], self.home, self.data)
                self._asked[asked] = node["NodeID"], node["NodeManagerAddress"]
        if self._asked:
            waiting = [*self._asked]
            for answered in ray.wait(waiting, num_returns=len(waiting), timeout=0)[0]:
                self._hear(answered, *self._asked.pop(answered))

    def _hear(self, reference: Any, node: str, address: str) -> None:
        try:
            answer: Answer[Machine] = Answer(address, ray.get(reference))
        except ray.exceptions.RayTaskError as error:
            answer = Answer(address, None, described(error.cause))
        except ray.exceptions.RayError:
            return  # it is gone again
        for problem in objections([answer], self.data):
            self._dismiss(node, f"{problem.found}. {problem.remedy}")

    def hear(self, result: Mapping[str, Any]) -> None:
        """A step has ended on a node, with this result."""
        node, address = str(result[NODE]), str(result.get(NODE_IP, ""))
        if LEAVING not in result:
            self.note(node, address, str(result.get(FAILURE, "")))
        elif node not in self._leaving:
            self._leaving.add(node)
            self._dismiss(node, f"{address}: the cloud takes it away", GRACE)

    def note(self, node: str, address: str, failure: str) -> None:
        """A step on a node went well, or failed so."""
        if not any(word in failure for word in DEVICE_ERRORS):
            self._errors.pop(node, None)
            return
        self._errors[node] = self._errors.get(node, 0) + 1
        if self._errors[node] == TWICE:
            self._dismiss(node, f"{address}: its device failed twice in a row: {failure}")

    def _dismiss(self, node: str, reason: str, seconds: float = 0.0) -> None:
        self.tell(f"a node gets no more trials: {reason}")
        self.drain(node, reason, seconds)


def _ask(node: str, home: Path, data: Path) -> Any:
    place = NodeAffinitySchedulingStrategy(node, soft=False)
    task: Any = ray.remote(describe).options(num_cpus=0, max_retries=0, scheduling_strategy=place)
    return task.remote(home, data)


def drain(node: str, reason: str, seconds: float) -> None:
    """Let nothing more be started on a node, and end what runs there in so many seconds."""
    from ray._raylet import GcsClient  # type: ignore[attr-defined]
    from ray.core.generated.autoscaler_pb2 import (  # type: ignore[attr-defined]
        DrainNodeReason,
    )

    address = ray.get_runtime_context().gcs_address
    until = int((time.time() + seconds) * 1000)
    preemption = DrainNodeReason.Value("DRAIN_NODE_REASON_PREEMPTION")
    GcsClient(address=address).drain_node(node, preemption, reason, until)
