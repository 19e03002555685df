"""The tier of every trial, as `meta/trials` gives it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from models.recordings.checks.arrays import Numbers, is_there, open_array
from models.recordings.checks.files import TrialFiles
from models.recordings.checks.findings import Findings, listed
from models.recordings.layout import OLD_HASH, TEST_TIERS, TIERS

TEXT = "must be one row of numpy unicode strings (dtype U), one a trial number"
KNOWN = f"must hold no other tiers than {', '.join(TIERS)}"
LONG_ENOUGH = "must hold a tier for every trial number"
TRAIN = "must give the tier train to at least one trial that has a video"
LOST_TEST = "must not name trials of a test tier that have no files: a submission needs them"
LOST = "should say none for trials that have no files"
SAME_LENGTH = "should have one entry for every entry of tiers.npy"
RESAVE = "Save tiers.npy again as an array of dtype U: np.save(path, tiers.astype('U'))."
CORRECT = "Correct tiers.npy: entry i is the tier of trial i."


def read_tiers(session: Path, files: TrialFiles, findings: Findings) -> dict[int, str] | None:
    """The tier by trial number; None, with a finding, where tiers.npy cannot be used."""
    path = session / "meta/trials/tiers.npy"
    array = open_array(path, findings)
    if array is None:
        return None
    if array.dtype.kind != "U" or array.ndim != 1:
        kind = "bytes" if array.dtype.kind == "S" else f"type {array.dtype}"
        findings.problem(path, TEXT, f"{kind}, shape {array.shape}", RESAVE)
        return None
    tiers = {trial: str(tier) for trial, tier in enumerate(array)}
    _check_values(path, tiers, files, findings)
    scored = () if session.resolve().name.endswith(OLD_HASH) else TEST_TIERS
    _check_lost(path, tiers, scored, files, findings)
    _check_trial_idx(path.with_name("trial_idx.npy"), array, findings)
    return tiers


def _check_values(
    path: Path, tiers: Mapping[int, str], files: TrialFiles, findings: Findings
) -> None:
    unknown = [trial for trial, tier in tiers.items() if tier not in TIERS]
    if unknown:
        names = ", ".join(sorted({repr(tiers[trial]) for trial in unknown}))
        findings.problem(path, KNOWN, f"{names} for trial {listed(unknown)}", CORRECT)
    beyond = sorted(trial for trial in files.any if trial >= len(tiers))
    if beyond:
        found = f"{len(tiers)} entries, but a trial {beyond[-1]}"
        findings.problem(path, LONG_ENOUGH, found, CORRECT)
    if files.videos and not any(tiers.get(trial) == "train" for trial in files.videos):
        findings.problem(path, TRAIN, "none", CORRECT)


def _check_lost(
    path: Path,
    tiers: Mapping[int, str],
    scored: Sequence[str],
    files: TrialFiles,
    findings: Findings,
) -> None:
    """Trials that have a tier and no file; a submission needs those of the `scored` tiers."""
    lost = [trial for trial, tier in tiers.items() if tier != "none" and trial not in files.any]
    tested = [trial for trial in lost if tiers[trial] in scored]
    others = [trial for trial in lost if tiers[trial] not in scored]
    if tested and files.videos:
        findings.problem(path, LOST_TEST, f"trial {listed(tested)}")
    if others and files.videos:
        findings.warning(path, LOST, f"a tier for trial {listed(others)}")


def _check_trial_idx(path: Path, tiers: Numbers, findings: Findings) -> None:
    if not is_there(path):  # old mice have none, and nothing here reads it
        return
    presented = open_array(path, findings)
    if presented is not None and np.shape(presented) != np.shape(tiers):
        found = f"shape {presented.shape} beside {tiers.shape} tiers"
        findings.warning(path, SAME_LENGTH, found)
