"""What a trial takes of a cluster, and where: on a node that has the recordings, while one has room.

Ray is told to prefer a node by arguments that it calls private. Where it is full or gone, or a later Ray
knows them no more, Ray chooses by itself as it does for others.
"""

import contextlib
from collections.abc import Callable
from typing import Any

import ray
from ray import tune
from ray.util.placement_group import PlacementGroup, placement_group
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from search.holders import Holders


class Share(tune.PlacementGroupFactory):
    """Of a trial. It equals any other of the same size, so that Tune reuses its workers."""

    def __init__(self, cpus: float, gpus: float, holders: Holders) -> None:
        super().__init__([{"CPU": cpus, "GPU": gpus}])
        self.holders = holders

    def to_placement_group(self) -> PlacementGroup:
        """The group that the worker starts in. Ray takes a hint only for one on a single node."""
        node = self.holders.choose(self.required_resources)
        if node is not None:
            with contextlib.suppress(TypeError):
                return self._group("STRICT_PACK", _soft_target_node_id=node)
        return self._group(self.strategy)

    def _group(self, strategy: str, **hint: str) -> PlacementGroup:
        made: PlacementGroup = placement_group(self.bundles, strategy, **hint)
        return made

    def submitter(self, function: Callable[..., Any], retries: int) -> Callable[..., Any]:
        """What starts the function as a Ray task that takes as much."""
        need = self.required_resources
        task: Any = ray.remote(
            num_cpus=need.get("CPU", 0), num_gpus=need.get("GPU", 0), max_retries=retries
        )(function)

        def submit(*arguments: Any) -> Any:
            return task.options(**_place(self.holders.choose(need))).remote(*arguments)

        return submit


def _place(node: str | None) -> dict[str, Any]:
    """The options of a task that is to run there, or elsewhere where that node is full or gone."""
    if node is None:
        return {}
    with contextlib.suppress(TypeError):
        near = NodeAffinitySchedulingStrategy(node, soft=True, _spill_on_unavailable=True)
        return {"scheduling_strategy": near}
    return {}
