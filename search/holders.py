"""Nodes of a cluster that have a search's recordings already: workers start there first."""

import contextlib
import math
import time
from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4
from weakref import WeakValueDictionary

Free = dict[str, dict[str, float]]
"""What each living node has left of each of Ray's resources, by the node's id."""
EVERY = 1.0
"""Seconds that what Ray says of its nodes is good for."""
ROUNDING = 1e-9


def free_by_node() -> Free:
    """As Ray tells of the nodes; nothing where this version of Ray does not tell."""
    with contextlib.suppress(ImportError, AttributeError):
        from ray._private import state

        ask: Callable[[], Free] = state.available_resources_per_node
        return ask()
    return {}


class Holders:
    """Who has the recordings. A copy made by pickling is in this process the same object."""

    def __init__(self, free: Callable[[], Free] = free_by_node) -> None:
        """`free` asks Ray."""
        self._nodes: set[str] = set()
        self._dropped: set[str] = set()
        self._ask, self._asked = free, -math.inf
        self._left: Free = {}
        self._key = uuid4().hex
        _LIVING[self._key] = self

    def note(self, node: str) -> None:
        """The node with this id has the recordings."""
        if node not in self._dropped:
            self._nodes.add(node)

    def drop(self, node: str) -> None:
        """Nothing is to start on this node any more, whatever it has or will have."""
        self._dropped.add(node)
        self._nodes.discard(node)

    def choose(self, need: Mapping[str, float]) -> str | None:
        """The node for a worker that takes so much of Ray's resources; None where none has room.

        Of several that with the least room, so that the cluster can give back the others.
        """
        if not self._nodes:
            return None
        self._look()
        fitting = [node for node in self._nodes & self._left.keys() if self._fits(node, need)]
        if not fitting:
            return None
        node = min(fitting, key=self._room)
        for kind, amount in need.items():  # Ray itself says so a moment later
            self._left[node][kind] -= amount
        return node

    def _look(self) -> None:
        if time.monotonic() - self._asked >= EVERY:
            self._left = {node: dict(left) for node, left in self._ask().items()}
            self._asked = time.monotonic()

    def _fits(self, node: str, need: Mapping[str, float]) -> bool:
        left = self._left[node]
        return all(left.get(kind, 0.0) >= amount - ROUNDING for kind, amount in need.items())

    def _room(self, node: str) -> tuple[float, float, str]:
        left = self._left[node]
        return left.get("GPU", 0.0), left.get("CPU", 0.0), node

    def __reduce__(self) -> tuple[Any, ...]:
        return _living, (self._key,)


_LIVING: WeakValueDictionary[str, Holders] = WeakValueDictionary()


def _living(key: str) -> Holders:
    """The one of this process; in another process one that knows no nodes."""
    found = _LIVING.get(key)
    return Holders() if found is None else found
