"""A space as the file of a search keeps it, and what follows from a space."""

from typing import Any

from search.space import Space, build


def recorded(space: Space) -> dict[str, Any]:
    """The content of a space file that describes this space; `search.reading` reads it back.

    Without the configurations that are tried first: these are in the study.
    """
    parameters = {
        name: [domain.model_dump(mode="json", by_alias=True) for domain in alternatives]
        for name, alternatives in space.domains.items()
    }
    limits = space.limits.model_dump(mode="json", exclude_none=True)
    return {"parameters": parameters, "floor": dict(space.floor), "limits": limits}


def most_epochs(space: Space) -> int:
    """The largest budget that a trial of this space can have."""
    alternatives = space.domains.get("training.epochs", ())
    budgets = [value for domain in alternatives for value in domain.extremes()]
    return max(budgets, default=build({}).training.epochs)
