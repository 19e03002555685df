"""A trial trained once more from its record, and whether it comes out the same."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch

from models.bringing import bring, store_of
from models.checkpoints import load_state
from models.config import flatten
from models.errors import RunError, UserError
from models.fetching import fetched
from models.recordings.where import Where, absolute
from models.runs import (
    SCORE,
    RunFolder,
    RunRecord,
    search_folder,
)
from search.fresh import refresh
from search.plan import read_plan, store_uri
from search.retrieval import bring_plan
from search.steps import FAILURE, Settings, Steps, is_over


@dataclass(frozen=True)
class Agreement:
    """A run beside its second training."""

    folder: Path
    """Of the second training."""
    epochs: int
    """That both have trained."""
    first: float | None
    """Validation score of the first after these epochs."""
    second: float | None
    """Of the second."""
    largest_difference: float
    """Of the scores of an epoch."""
    same_weights: bool | None
    """Bit for bit; None where the first has none any more."""
    changes: list[str] = field(default_factory=list)
    """What differs in code, packages or recordings."""

    def lines(self) -> list[str]:
        """For a user."""
        words = {True: "the same, bit for bit", False: "different", None: "gone from the first"}
        after = f"after {self.epochs} epochs: {self.first} then, {self.second} now"
        said = [f"score {after}", f"weights: {words[self.same_weights]}"]
        if not self.agrees:
            said.append(f"largest difference of an epoch's score: {self.largest_difference:.3g}")
        return [*said, *self.changes, f"the second training is in {self.folder}"]

    @property
    def agrees(self) -> bool:
        """Whether nothing differs."""
        return self.largest_difference == 0 and self.same_weights is not False


def parse_trial(text: str) -> tuple[str, int]:
    """A search's name and a trial's number from 'name/17'. Raises UserError."""
    name, _, number = text.rpartition("/")
    if not name or not number.isdecimal():
        raise UserError(
            f"a trial is a search's name and a number; found '{text}'", "Give first/17, say."
        )
    return name, int(number)


def rerun(
    home: Path,
    name: str,
    number: int,
    device: str,
    data: Where | None,
    fit: str,
    tell: Callable[[str], None],
    address: str | None = None,
    store: str = "",
) -> Agreement:
    """Train trial `number` again, for as many epochs as it had. Raises RunError, UserError.

    With an address that is done by a worker of that cluster, where nobody hears what it tells; a machine
    that has nothing of the search finds it in the `store`.
    """
    if store:
        bring_plan(home, name, store)
    search = search_folder(home, name)
    if address is not None:
        from search.cluster import run_there

        plan, place = read_plan(home, name), home.resolve()
        data = None if data is None else absolute(data)
        asked = (place, name, number, device, data, fit, print, None, plan.store)
        return run_there(address, plan, rerun, *asked)
    run = RunFolder(search / "runs" / str(number))
    refresh(run)
    if not run.exists:
        raise RunError(f"the search '{name}' has no trial {number}", f"See 'status {name}'.")
    record, lines = run.record(), run.metrics()
    if not lines:
        raise RunError(f"trial {number} of '{name}' has trained no epoch", "Choose another one.")
    folder, plan = _new_folder(search, number), read_plan(home, name)
    settings = Settings(
        runs=folder.parent,
        data=fetched(data or record.data),
        device=device,
        threads=plan.threads,
        fit=fit,
        store=store_uri(plan),
    )
    flat = flatten(record.config.model_dump(mode="json"))
    again = _train(Steps(settings, folder, flat), RunFolder(folder), len(lines), tell)
    return _compared(run, lines, again, record)


def _new_folder(search: Path, number: int) -> Path:
    place = search / "reruns"
    store = store_of(place)
    names = {path.name for path in place.glob(f"{number}-*")}
    names |= {name for name in (store.folders() if store else ()) if name.startswith(f"{number}-")}
    taken = [int(name.rpartition("-")[2]) for name in names]
    return place / f"{number}-{max(taken, default=0) + 1}"


def _train(steps: Steps, run: RunFolder, epochs: int, tell: Callable[[str], None]) -> RunFolder:
    for epoch in range(1, epochs + 1):
        result = steps.step()
        if FAILURE in result:
            steps.release()
            raise RunError(f"the second training failed: {result[FAILURE]}", "")
        tell(f"epoch {epoch}/{epochs}: {result[SCORE]:.4f}")
        if is_over(result):
            break
    steps.release()
    return run


def _compared(
    run: RunFolder, lines: list[dict[str, float]], again: RunFolder, record: RunRecord
) -> Agreement:
    others = again.metrics()
    pairs = [(one[SCORE], two[SCORE]) for one, two in zip(lines, others, strict=False)]
    return Agreement(
        folder=again.path,
        epochs=len(pairs),
        first=pairs[-1][0] if pairs else None,
        second=pairs[-1][1] if pairs else None,
        largest_difference=max((abs(one - two) for one, two in pairs), default=0.0),
        same_weights=_same_weights(run, again),
        changes=_changes(record, again.record()),
    )


def _same_weights(run: RunFolder, again: RunFolder) -> bool | None:
    bring(run, [run.weights.name])
    if not run.weights.exists() or not again.weights.exists():
        return None
    one, two = load_state(run.weights), load_state(again.weights)
    return one.keys() == two.keys() and all(torch.equal(one[key], two[key]) for key in one)


def _changes(before: RunRecord, after: RunRecord) -> list[str]:
    """What a difference may come from."""
    found = []
    if before.fingerprint != after.fingerprint:
        found.append(f"other recordings: {before.fingerprint} then, {after.fingerprint} now")
    if before.commit != after.commit:
        found.append(f"other code: {before.commit} then, {after.commit} now")
    for package, version in before.packages.items():
        now = after.packages.get(package, "none")
        if now != version:
            found.append(f"other {package}: {version} then, {now} now")
    return found
