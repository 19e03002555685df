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

from models.clusters import described
from models.recordings.where import Where
from search.admission import objections
from search.doctor.lines import Finding, problem
from search.doctor.machine import ROOT, code_digest, describe
from search.doctor.nodes import Answer, living_nodes
from search.doctor.recordings import Fetch, fetch
from search.doctor.storage import store_finding, visit_store
from search.holders import Holders
from search.resources import Resources
from search.steps import FAILURE, LEAVING, Settings
from search.trainable import NODE

EVERY = 5.0
"""Seconds between looks at the nodes."""
DEVICE_ERRORS = ("CUDA error", "cuDNN error", "CUBLAS_STATUS", "NVML", "Xid")
"""What a device that is broken says."""
FULL = "out of memory"
"""What one says, in an error of CUDA too, that has too little memory for what shares it."""
TWICE = 2
GRACE = 90.0
"""Seconds for the checkpoints of a node that is taken away: AWS gives two minutes."""
Judge = Callable[[Answer[Any]], list[Finding]]
"""What an answer keeps a node from."""
Drain = Callable[[str, str, float], None]


@dataclass
class RollCall:
    """Which nodes of a cluster train for a search, and which are kept from it."""

    home: Path
    data: Where
    tell: Callable[[str], None]
    drain: Drain
    """Takes the id of a node, the reason, and in how many seconds what runs there is to end."""
    store: str = ""
    """URI of the store that all nodes are to reach; empty where there is none."""
    holders: Holders = field(default_factory=Holders)
    """Told which nodes have fetched the recordings."""
    _known: set[str] = field(default_factory=set)
    _asked: dict[Any, tuple[str, str, Judge]] = field(default_factory=dict)
    """Ids and addresses of the nodes that have not answered yet, and what judges the answer."""
    _errors: dict[str, int] = field(default_factory=dict)
    """By node, trials in a row that its device has failed."""
    _leaving: set[str] = field(default_factory=set)
    _dismissed: set[tuple[str, str]] = field(default_factory=set)
    """Nodes and reasons."""
    _due: float = 0.0

    def tick(self) -> None:
        """Ask who is new, and hear who has answered; returns at once."""
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + EVERY
        for node in living_nodes():
            if node["NodeID"] not in self._known:
                self._known.add(node["NodeID"])
                self._ask(node["NodeID"], node["NodeManagerAddress"])
        if self._asked:
            waiting = [*self._asked]
            for answered in ray.wait(waiting, num_returns=len(waiting), timeout=0)[0]:
                self._hear(answered, *self._asked.pop(answered))

    def _ask(self, node: str, address: str) -> None:
        asked = ask(node, describe, self.home, self.data)
        self._asked[asked] = node, address, lambda answer: objections([answer], self.data)
        if self.store:
            asked = ask(node, visit_store, self.store)
            self._asked[asked] = node, address, self._of_store
        if isinstance(self.data, str):  # at once, so that it is under way before a trial comes
            asked = ask(node, fetch, self.data)
            self._asked[asked] = node, address, lambda answer: self._of_fetch(node, answer)

    def _of_fetch(self, node: str, answer: Answer[Fetch]) -> list[Finding]:
        said = answer.value or Fetch(failure=answer.failure)
        for line in said.lines:
            self.tell(f"{answer.node}: {line}")
        if said.failure:
            return [problem("data", f"{answer.node}: {said.failure}", said.remedy)]
        self.holders.note(node)
        return []

    def _of_store(self, answer: Answer[str]) -> list[Finding]:
        found = store_finding(answer, self.store)
        return [found] if found.state == "problem" else []

    def _hear(self, reference: Any, node: str, address: str, judge: Judge) -> None:
        try:
            answer: Answer[Any] = Answer(address, ray.get(reference))
        except ray.exceptions.RayTaskError as error:
            answer = Answer(address, None, described(error.cause))
        except ray.exceptions.RayError:
            return  # it is gone again
        for each in judge(answer):
            self._dismiss(node, f"{each.found}. {each.remedy}")

    def hear(self, result: Mapping[str, Any]) -> None:
        """A step has ended on a node, with this result."""
        node, address = str(result[NODE]), str(result.get(NODE_IP, ""))
        if LEAVING not in result:
            self.note(node, address, str(result.get(FAILURE, "")))
        elif node not in self._leaving:
            self._leaving.add(node)
            unfit = isinstance(result[LEAVING], str)
            reason = result[LEAVING] if unfit else "the cloud takes it away"
            self._dismiss(node, f"{address}: {reason}", 0.0 if unfit else GRACE)

    def note(self, node: str, address: str, failure: str) -> None:
        """A step on a node went well, or failed so."""
        if FULL in failure or not any(word in failure for word in DEVICE_ERRORS):
            self._errors.pop(node, None)
            return
        self._errors[node] = self._errors.get(node, 0) + 1
        if self._errors[node] == TWICE:
            self._dismiss(node, f"{address}: its device failed twice in a row: {failure}")

    def _dismiss(self, node: str, reason: str, seconds: float = 0.0) -> None:
        if (node, reason) in self._dismissed:
            return
        self._dismissed.add((node, reason))
        self.holders.drop(node)
        self.tell(f"a node gets no more trials: {reason}")
        self.drain(node, reason, seconds)


def roll_call(
    resources: Resources, settings: Settings, store: str, tell: Callable[[str], None]
) -> RollCall | None:
    """That of a cluster, whose nodes come and go; `settings` are told what they are to look for.

    `store` is the URI of the store of all searches; None on one machine.
    """
    if resources.address is None:
        return None
    settings.code, settings.notices = code_digest(ROOT), True
    home = settings.runs.parents[1]
    return RollCall(home, settings.data, tell, drain, store, resources.holders)


def ask(node: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """Ray's reference to what the function returns on a node."""
    place = NodeAffinitySchedulingStrategy(node, soft=False)
    task: Any = ray.remote(function).options(num_cpus=0, max_retries=0, scheduling_strategy=place)
    return task.remote(*arguments)


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
