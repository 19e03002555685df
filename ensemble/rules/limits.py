"""What an ensemble may cost: how many members it has, and a budget for what running them takes."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Limits:
    """ValueError for limits that cannot be meant."""

    members: int | None = None
    """At most so many; None for any number."""
    costs: tuple[float, ...] = ()
    """Of each member, in any unit, such as seconds of inference; empty where they cost nothing."""
    budget: float = math.inf
    """The most that all members together may cost."""

    def __post_init__(self) -> None:
        if self.members is not None and self.members < 1:
            raise ValueError(f"an ensemble has at least one member; found {self.members}")
        wrong = [cost for cost in self.costs if not (math.isfinite(cost) and cost >= 0)]
        if wrong:
            raise ValueError(f"a cost is finite and not below 0; found {wrong[0]}")
        if self.budget < 0 or math.isnan(self.budget):
            raise ValueError(f"a budget is not below 0; found {self.budget}")

    def admit(self, chosen: Collection[int]) -> bool:
        """Whether these members, each once, are together within the limits."""
        if self.members is not None and len(chosen) > self.members:
            return False
        return not self.costs or math.fsum(self.costs[m] for m in chosen) <= self.budget

    def first(self, ranking: Sequence[int]) -> list[int]:
        """Down the ranking, each member that still fits in."""
        taken: list[int] = []
        for member in ranking:
            if self.admit([*taken, member]):
                taken.append(member)
        return taken

    def of_members(self, chosen: Sequence[int]) -> "Limits":
        """The same where these members are all there are."""
        costs = tuple(self.costs[member] for member in chosen) if self.costs else ()
        return replace(self, costs=costs)

    def check(self, members: int) -> None:
        """ValueError where costs are not one a member, or not even the cheapest can be paid."""
        if self.costs and len(self.costs) != members:
            raise ValueError(f"each of {members} members has a cost; found {len(self.costs)}")
        if self.costs and min(self.costs) > self.budget:
            message = f"the budget of {self.budget:g} pays at least the cheapest member"
            raise ValueError(f"{message}; found a cost of {min(self.costs):g}")
