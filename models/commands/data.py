"""The commands about recordings: check, synth, download, pack, folds."""

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from models.commands.common import Data, Folder, end_with, resumable
from models.console import err, out
from models.progress import counting, transferring


def check(data: Data) -> None:
    """Say whether recordings are sound, and if not, everything that is wrong.

    Next: python -m models train DATA --run RUN, or python -m search run DATA --name NAME.
    """
    from models.fetching import fetched
    from models.recordings.check import check_data_set, report_table
    from models.recordings.fetched import local_folder

    folder = local_folder(fetched(data))
    with counting() as told:
        report = check_data_set(folder, told)
    out.print(report_table(report))
    for warning in report.warnings:
        out.print(f"[yellow]warning:[/] {escape(str(warning))}")
    end_with(report.problems, report.remedy)
    out.print(f"sound; sessions: {len(report.sessions)}")


def synth(
    folder: Annotated[Path, typer.Argument(help="The new folder for the recordings.")],
    mice: Annotated[int, typer.Option(help="Sessions, one a mouse.")] = 3,
    neurons: Annotated[int, typer.Option(help="Neurons of each mouse.")] = 60,
    seed: Annotated[int, typer.Option(help="The root of all randomness.")] = 0,
    train_trials: Annotated[int, typer.Option(help="Trials of each mouse's train tier.")] = 60,
    videos: Annotated[int, typer.Option(help="Films of each repeated tier or OOD kind.")] = 2,
    repeats: Annotated[int, typer.Option(help="How often each of these is shown.")] = 10,
    old_mice: Annotated[int, typer.Option(help="Mice in the form of the five public ones.")] = 0,
) -> None:
    """Generate recordings of a brain whose ceiling is known, in the competition's layout.

    Withheld and noise-free responses go to FOLDER.truth. Next: python -m models check FOLDER.
    """
    from models.recordings.synthetic import Recipe, write_data_set

    recipe = Recipe(mice, neurons, seed, train_trials, videos, repeats, old_mice)
    with counting() as told:
        write_data_set(folder, recipe, told)
    out.print(f"{mice} mice of {neurons} neurons in {folder}, their truth in {folder}.truth")
    out.print(f"next: python -m models check {folder}")


def download(
    to: Annotated[Path, typer.Option(help="The folder for the session folders.")],
    mice: Annotated[
        list[str] | None,
        typer.Option(help="new (the default), old, all, or names such as 29515-10-12,29623-4-9."),
    ] = None,
    base: Annotated[
        str | None, typer.Option(envvar="SENSORIUM_GIN", help="The server; GIN by default.")
    ] = None,
    at_once: Annotated[int, typer.Option(min=1, help="Sessions fetched at the same time.")] = 3,
) -> None:
    """Fetch the competition's recordings; a download that was stopped goes on where it was.

    A session is a zip of 15-20 GB, which goes when it is unpacked.

    Next: python -m models check TO.
    """
    from models.recordings.download.bars import shown
    from models.recordings.download.catalogue import SERVER, chosen_sessions
    from models.recordings.download.driver import download_sessions

    sessions = chosen_sessions([name for names in mice or ["new"] for name in names.split(",")])
    with resumable(), shown(out, err) as bars:
        download_sessions(to, sessions, bars, base or SERVER, at_once)
    out.print(f"next: python -m models check {to}")


def pack(
    data: Folder,
    to: Annotated[
        Path | None, typer.Option(help="The store's folder; DATA.packed, which all commands find.")
    ] = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="Responses in single, not half, precision.")
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Pack sessions anew that changed since.")
    ] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Compare the store with DATA, number by number.")
    ] = False,
    jobs: Annotated[int | None, typer.Option(min=1, help="Threads; one a core, 8 at most.")] = None,
) -> None:
    """Pack recordings into a store that training reads many times faster. Do it once.

    Packing that was stopped goes on where it was. Next: python -m models folds DATA; for a cluster,
    python -m models upload DATA.packed URI.
    """
    from models.recordings.store.folders import packed_folder
    from models.recordings.store.pack import pack as pack_all
    from models.recordings.store.pack import plan_packing
    from models.recordings.store.verify import verify_store

    store = to or packed_folder(data)
    if verify:
        with counting() as compared:
            problems = verify_store(data, store, compared)
        end_with(problems, "Pack what differs anew: python -m models pack DATA --again.")
        out.print(f"{store} holds what {data} does")
        return
    plan = plan_packing(data, store, exact, again)
    with resumable(), transferring(plan.size) as told:
        pack_all(plan, exact, jobs or min(os.cpu_count() or 1, 8), told)
    for line in plan.told():
        out.print(escape(line))
    out.print(f"next: python -m models folds {data if to is None else store}")


def folds(
    data: Data,
    count: Annotated[int, typer.Option("--folds", min=2, help="How many.")] = 5,
    most: Annotated[int, typer.Option(min=0, help="Films to list.")] = 10,
) -> None:
    """Show how trials fall into folds by the content of their films, and what that prevents.

    Next: python -m search run DATA --name NAME.
    """
    from models.fetching import fetched
    from models.recordings.data_set import open_sessions
    from models.recordings.fold_report import film_table, fold_report, fold_table, sentences

    report = fold_report(open_sessions(fetched(data)), count)
    out.print(fold_table(report))
    if report.repeated and most:
        out.print(film_table(report, most))
    for sentence in sentences(report):
        out.print(sentence)
