"""Builds of the tiny search, in this process or in one of its own that dies while it keeps a part.

    python -m tests.ensemble.building DATA HOME OUT [PARTS [STORE]]

It dies, as by a power cut, in the middle of the part after so many.
"""

import hashlib
import io
import itertools
import os
import signal
import sys
from pathlib import Path

import numpy as np
from rich.console import Console

from ensemble.build import Options, build
from ensemble.chosen import Wanted
from ensemble.manifest import Manifest
from ensemble.predicting import parts as parts_module
from ensemble.predicting.making import Maker
from ensemble.predicting.workers import Workers
from models.recordings.data_set import open_sessions
from models.trained import TrainedRun
from tests.ensemble.build_fixtures import Demo, complete_ones

WANTED = Wanted(top=2, rule="mean")


def outcome_of(out, demo, candidates=None, **options):
    """Build in this process, on a console that is no terminal; what came of it, and what was printed."""
    text = io.StringIO()
    candidates = candidates or complete_ones(demo)
    asked = Options(demo.data, out, **{"device": "cpu"} | options)
    return build(candidates, asked, Console(file=text, width=200)), text.getvalue()


def build_into(out, demo, **options):
    """Build of the two that are wanted; what was printed, and the files' hashes."""
    _, text = outcome_of(out, demo, wanted=WANTED, **options)
    return text, files_of(out)


def files_of(out):
    return {path.name: sha256(path) for path in out.glob("predictions_*")}


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def evaluation_of(out):
    manifest = Manifest.read(out)
    return manifest.evaluation, manifest.evaluation_raw


def count(demo):
    """Trials that are predicted."""
    tiers = ("oracle", "live_test_main", "final_test_main", "live_test_bonus", "final_test_bonus")
    return sum(len(session.trials(tiers)) for session in open_sessions(demo.data))


def stop_after(monkeypatch, parts):
    """Ctrl-C while the part after so many is made."""
    made, make = itertools.count(), Maker.make

    def stopped(maker, part):
        if next(made) == parts:
            raise KeyboardInterrupt
        make(maker, part)

    monkeypatch.setattr(Maker, "make", stopped)


def counted_responses(monkeypatch):
    calls, respond = [], TrainedRun.respond

    def counted(run, *inputs):
        calls.append(run.folder.path)
        return respond(run, *inputs)

    monkeypatch.setattr(TrainedRun, "respond", counted)
    return calls


def main(data, home, out, parts=None, store=None):
    """Build in this process, in parts of a single trial; with a store, as workers of a cluster do."""
    parts_module.PART_BYTES = 1
    if parts is not None:
        die_after(int(parts))
    workers = Workers() if store is None else Stored(store=store)
    options = Options(Path(data), Path(out), WANTED, device="cpu", workers=workers)
    build(complete_ones(Demo(Path(data), Path(home))), options, Console(width=200))


class Stored(Workers):
    """This process alone, which keeps parts where workers without a shared folder do."""

    def check(self):
        """Let it be without a cluster."""


def die_after(parts):
    """Let numpy write so many archives, and half of the next one."""
    kept, save = [], np.savez

    def savez(file, **arrays):
        if len(kept) == parts:
            file.write(b"PK half of a part")
            file.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        save(file, **arrays)
        kept.append(file)

    np.savez = savez


if __name__ == "__main__":
    main(*sys.argv[1:])
