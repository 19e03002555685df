"""The machines that a search would run on, each of which can be asked a function.

Without an address that is this machine, asked in this process, and no Ray is started.
"""

import contextlib
import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from models.clusters import described
from search.doctor.lines import plural

T = TypeVar("T")

HERE = "this machine"
PATIENCE = 60.0
"""Seconds that a node has for an answer."""


@dataclass(frozen=True)
class Answer(Generic[T]):
    """What a node said to one question."""

    node: str
    value: T | None
    """None where there is none, for the reason in `failure`."""
    failure: str = ""


class Nodes(Protocol):
    """All machines of a search."""

    summary: str
    """What they are together; empty without a cluster."""
    names: Sequence[str]
    declared_gpus: dict[str, float]
    """GPUs that Ray counts on a node; empty where no Ray runs."""

    def ask(
        self, function: Callable[..., T], *arguments: Any, of: Sequence[str] | None = None
    ) -> list[Answer[T]]:
        """What the function returns on each node, or on those named, in the order of the names.

        The function is found by its name on the node. What it raises is the answer's failure. Where
        all are asked, whom the cluster loses meanwhile is left out.
        """


class ThisMachine:
    """The only node of a search without a cluster."""

    def __init__(self) -> None:
        self.summary = ""
        self.names: Sequence[str] = (HERE,)
        self.declared_gpus: dict[str, float] = {}

    def ask(
        self,
        function: Callable[..., T],
        *arguments: Any,
        of: Sequence[str] | None = None,  # noqa: ARG002
    ) -> list[Answer[T]]:
        """See `Nodes`."""
        try:
            return [Answer(HERE, function(*arguments))]
        except Exception as error:  # as on another machine, where it must not end the command
            return [Answer(HERE, None, described(error))]


def living_nodes() -> list[dict[str, Any]]:
    """The nodes of the cluster that this process is connected to, as Ray tells of them."""
    import ray

    known: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    return [node for node in known if node["Alive"]]


class RayNodes:
    """The living nodes of the cluster that this process is connected to."""

    def __init__(self, patience: float = PATIENCE) -> None:
        import ray

        living = living_nodes()
        here = ray.get_runtime_context().get_node_id()
        living.sort(key=lambda node: (node["NodeID"] != here, node["NodeManagerAddress"]))
        self.ids = named([(node["NodeManagerAddress"], node["NodeID"]) for node in living])
        self._patience = patience
        self.names: Sequence[str] = list(self.ids)
        counted = (float(node["Resources"].get("GPU", 0)) for node in living)
        self.declared_gpus = dict(zip(self.ids, counted, strict=True))
        resources = ray.cluster_resources()  # type: ignore[no-untyped-call]
        self.summary = _summary(resources, len(living))

    def ask(
        self, function: Callable[..., T], *arguments: Any, of: Sequence[str] | None = None
    ) -> list[Answer[T]]:
        """See `Nodes`. All nodes work at the same time; the patience holds for all together."""
        wanted = self.names if of is None else of
        asked = {name: self._send(name, function, arguments) for name in wanted}
        until = time.monotonic() + self._patience
        answers = [self._wait(name, reference, until) for name, reference in asked.items()]
        if of is not None:
            return answers
        return of_members(answers, self.ids, {node["NodeID"] for node in living_nodes()})

    def _send(self, name: str, function: Callable[..., Any], arguments: Sequence[Any]) -> Any:
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        place = NodeAffinitySchedulingStrategy(self.ids[name], soft=False)
        task: Any = ray.remote(_run).options(num_cpus=0, max_retries=0, scheduling_strategy=place)
        return task.remote(function, arguments)

    def _wait(self, name: str, reference: Any, until: float) -> Answer[Any]:
        import ray

        try:
            return Answer(name, ray.get(reference, timeout=max(0.0, until - time.monotonic())))
        except ray.exceptions.GetTimeoutError:
            ray.cancel(reference, force=True)
            return Answer(name, None, f"no answer in {self._patience:g} seconds")
        except ray.exceptions.RayTaskError as error:
            return Answer(name, None, described(error.cause))
        except ray.exceptions.RayError as error:
            return Answer(name, None, described(error))


def _run(function: Callable[..., T], arguments: Sequence[Any]) -> T:
    """Call the function in a task, which may look at every GPU of its node.

    Ray can hide all of them from a task that asks for none, by an empty list.
    """
    if not os.environ.get("CUDA_VISIBLE_DEVICES", "-"):
        del os.environ["CUDA_VISIBLE_DEVICES"]
    return function(*arguments)


def of_members(
    answers: Sequence[Answer[T]], ids: Mapping[str, str], living: Collection[str]
) -> list[Answer[T]]:
    """Without the failures of nodes that live no more: a cluster's nodes come and go."""
    return [each for each in answers if each.value is not None or ids[each.node] in living]


def named(living: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Node ids by address; several nodes at one address are told apart by the start of their id."""
    addresses = [address for address, _ in living]
    return {
        address if addresses.count(address) == 1 else f"{address}/{identity[:6]}": identity
        for address, identity in living
    }


def _summary(resources: dict[str, float], count: int) -> str:
    cores, gpus = (int(resources.get(kind, 0)) for kind in ("CPU", "GPU"))
    return (
        f"{plural(count, 'node')} with {plural(cores, 'core')} and {plural(gpus, 'GPU')} for trials"
    )


@contextlib.contextmanager
def nodes(address: str | None) -> Iterator[Nodes]:
    """The nodes of the cluster at an address, or this machine. Raises UserError for no cluster."""
    if address is None:
        yield ThisMachine()
        return
    from search.doctor.connection import connected

    with connected(address):
        yield RayNodes()
