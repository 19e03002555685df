"""A whole data set and its truth, which appear under their names only when they are complete."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from models.errors import UserError
from models.files import storage_error, write_json
from models.recordings.count import Count, Progress
from models.recordings.synthetic.plan import plan_session
from models.recordings.synthetic.recipe import Recipe
from models.recordings.synthetic.session import write_session
from models.recordings.truth import truth_folder


def write_data_set(out: Path, recipe: Recipe, progress: Progress | None = None) -> None:
    """Write generated recordings to `out` and their truth to `truth_folder(out)`.

    `progress` gets the session's name, the trials written so far and those in all, both over the
    whole data set. Raises UserError where either folder exists and holds something, StorageError
    for what the disk refuses; whatever happens, a folder under the final name is complete.
    """
    out = out.resolve()
    _refuse_taken(out, truth_folder(out))
    with _appearing(truth_folder(out), out) as (withheld, data):
        write_json(withheld / "recipe.json", asdict(recipe))
        plans = [plan_session(recipe, mouse) for mouse in range(recipe.mice)]
        count = Count(sum(len(plan.showings) for plan in plans), progress)
        for plan in plans:
            done = count.of(plan.name)
            write_session(data / plan.name, withheld / plan.name, recipe, plan, done)


def _refuse_taken(*folders: Path) -> None:
    for folder in folders:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            message = f"generated recordings go to a new or empty folder; {folder} is taken"
            raise UserError(message, "Choose another folder, or remove this one first.")


@contextlib.contextmanager
def _appearing(*folders: Path) -> Iterator[list[Path]]:
    """Yield hidden folders beside `folders` that take their names, in this order, at the end."""
    hidden: list[Path] = []
    try:
        for folder in folders:
            folder.parent.mkdir(parents=True, exist_ok=True)
            hidden.append(Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}.")))
            hidden[-1].chmod(0o755)  # mkdtemp makes private folders; recordings are to be shared
        yield hidden
        for made, folder in zip(hidden, folders, strict=True):
            made.replace(folder)
    except OSError as error:
        raise storage_error(folders[-1], error) from error
    finally:
        for made in hidden:
            shutil.rmtree(made, ignore_errors=True)
