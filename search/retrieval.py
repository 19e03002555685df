"""A search that lies in a store, brought to a home: its records, and what is small of its runs."""

from pathlib import Path

from models.bringing import note_store, store_of
from models.errors import RunError, UserError
from models.remote import Remote
from models.runs import STORE_VARIABLE, confirmed_runs, runs_of_search
from search.alone import alone
from search.archive import RECORDS, is_of_future, unpacked, write_records
from search.copies import PLAN
from search.fresh import refresh_below
from search.plan import read_plan, write_plan


def retrieve(home: Path, name: str, store: str | None) -> int:
    """Bring a search; how many runs it has. Raises UserError, and leaves what is here then.

    `store` is the one of all searches; None for the one that the search here has noted.
    """
    folder = (home / name).resolve()
    place = _place(folder, name, store)
    content = place.read(RECORDS)
    if content is None:
        raise _unknown(name, place if store is None else Remote.parse(store))
    folder.mkdir(parents=True, exist_ok=True)
    with alone(folder):
        _bring(folder, place, unpacked(content))
    plan = read_plan(home, name)
    if store is not None and plan.store != store:  # the store itself was moved
        write_plan(folder, plan.model_copy(update={"store": store}))
    return len(runs_of_search(folder)) + sum(map(len, confirmed_runs(folder).values()))


def _bring(folder: Path, place: Remote, records: dict[str, bytes]) -> None:
    if not is_of_future(folder, records):
        message = f"'{folder.name}' in {folder} is further than in {place}, or went on otherwise"
        remedy = f"Use the one that is here; to give it up, remove {folder} and fetch again."
        raise RunError(message, remedy)
    note_store(folder, place)
    refresh_below(folder)
    write_records(folder, records)  # last: with them it is a search


def bring_plan(home: Path, name: str, store: str) -> None:
    """Let a machine that has nothing of a search know what it was asked for, and where its store is."""
    folder, place = home / name, Remote.parse(store) / name
    note_store(folder, place)
    place.download(folder, [PLAN])


def _place(folder: Path, name: str, store: str | None) -> Remote:
    if store is not None:
        return Remote.parse(store) / name
    place = store_of(folder)
    if place is None:
        raise UserError(
            f"where is the store of '{name}'?", f"Give --store, or set {STORE_VARIABLE}."
        )
    return place


def _unknown(name: str, store: Remote) -> RunError:
    names = [each for each in store.folders() if (store / each).has(PLAN)]
    known = f"known there: {', '.join(names)}" if names else "there is none yet"
    return RunError(
        f"no search is called '{name}' in {store}; {known}", "Look at name and --store."
    )
