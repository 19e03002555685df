"""`python -m search fetch`: a search that lies in a store, brought to this machine."""

from typing import Annotated

import typer

from models.console import err, out
from models.runs import home_folder
from search.options import Home, Store

NEXT = "Next: python -m search status NAME, or python -m search resume NAME"


def fetch(
    name: Annotated[str, typer.Argument(help="The search's name.")],
    store: Store = None,
    home: Home = None,
) -> None:
    """Bring a search from its store: after its machine was lost, or to go on elsewhere.

    Weights and predictions stay there until they are needed. What is further here is not replaced.
    """
    from search.retrieval import retrieve

    folder = home_folder(home)
    with err.status("fetching records and runs"):
        runs = retrieve(folder, name, store)
    where = f" --home {home}" if home else ""
    out.print(f"{folder / name}: {runs} runs")
    out.print(f"next: python -m search status {name}{where}")
    out.print(f"      python -m search resume {name}{where}")
