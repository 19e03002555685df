"""What an ensemble may cost: a number of members, and budgets for storing or running them."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Budget:
    """ValueError for one that cannot be meant."""

    costs: tuple[float, ...]
    """Of each member, in any unit."""
    most: float
    """That all members together may cost."""
    unit: str = ""

    def __post_init__(self) -> None:
        wrong = [cost for cost in self.costs if not (math.isfinite(cost) and cost >= 0)]
        if wrong:
            raise ValueError(f"a cost is finite and not below 0; found {wrong[0]}")
        if self.most < 0 or math.isnan(self.most):
            raise ValueError(f"a budget is not below 0; found {self.most}")

    def pays(self, chosen: Collection[int]) -> bool:
        """Whether it is enough for these members, each once."""
        return math.fsum(self.costs[member] for member in chosen) <= self.most

    def check(self, members: int) -> None:
        """ValueError where costs are not one a member, or not even the cheapest can be paid."""
        if len(self.costs) != members:
            raise ValueError(f"each of {members} members has a cost; found {len(self.costs)}")
        if min(self.costs) > self.most:
            unit = f" {self.unit}" if self.unit else ""
            message = f"the budget of {self.most:g}{unit} pays at least the cheapest member"
            raise ValueError(f"{message}; found a cost of {min(self.costs):g}{unit}")


@dataclass(frozen=True)
class Limits:
    """ValueError for limits that cannot be meant."""

    members: int | None = None
    """At most so many; None for any number."""
    budgets: tuple[Budget, ...] = ()

    def __post_init__(self) -> None:
        if self.members is not None and self.members < 1:
            raise ValueError(f"an ensemble has at least one member; found {self.members}")

    def admit(self, chosen: Collection[int]) -> bool:
        """Whether these members, each once, are together within the limits."""
        if self.members is not None and len(chosen) > self.members:
            return False
        return all(budget.pays(chosen) for budget in self.budgets)

    def affords(self, member: int) -> bool:
        """Whether a member alone is within the budgets."""
        return all(budget.pays([member]) for budget in self.budgets)

    def cost(self, member: int) -> tuple[float, ...]:
        """What a member takes of each budget."""
        return tuple(budget.costs[member] for budget in self.budgets)

    def first(self, ranking: Sequence[int]) -> list[int]:
        """Down the ranking, each member that still fits in."""
        taken: list[int] = []
        for member in ranking:
            if self.admit([*taken, member]):
                taken.append(member)
        return taken

    def of_members(self, chosen: Sequence[int]) -> "Limits":
        """The same where these members are all there are."""
        budgets = [
            replace(budget, costs=tuple(budget.costs[member] for member in chosen))
            for budget in self.budgets
        ]
        return replace(self, budgets=tuple(budgets))

    def check(self, members: int) -> None:
        """ValueError where a budget does not fit so many members, or no member can be paid."""
        for budget in self.budgets:
            budget.check(members)
        if not any(self.affords(member) for member in range(members)):
            raise ValueError("the budgets together pay at least one member; found none")
