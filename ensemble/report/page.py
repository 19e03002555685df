"""The page: all parts of an ensemble's report in one HTML file."""

from collections.abc import Sequence
from pathlib import Path

from ensemble.chosen import Ensemble
from ensemble.gain import verdict
from ensemble.manifest import Manifest
from ensemble.report.gain import gain
from ensemble.report.gains import Gains
from ensemble.report.likeness import likeness
from ensemble.report.made_of import facts, made_of
from ensemble.report.result import result
from ensemble.report.rules import rules
from ensemble.report.sizes import sizes
from ensemble.report.traces import traces
from ensemble.report.weights import weights
from models.files import write_bytes
from models.pages import Section, page
from models.recordings.session import Session

FILE = "report.html"


def write_report(manifest: Manifest, sessions: Sequence[Session], path: Path) -> Path:
    """Write the page to `path`, atomically; `sessions` are all recordings of the manifest.

    Raises UserError for other recordings, ProblemsFound for runs that are missing or have changed,
    StorageError where the file cannot be written.
    """
    manifest.check_recordings(sessions)
    return write_page(manifest, manifest.ensemble(), sessions, path)


def write_page(
    manifest: Manifest, ensemble: Ensemble, sessions: Sequence[Session], path: Path
) -> Path:
    """As `write_report`, of an ensemble whose runs and recordings are known to be the manifest's."""
    sentence = verdict(ensemble, manifest.evaluation)
    lead = f"{sentence[0].upper()}{sentence[1:]}."
    parts = sections(manifest, ensemble, sessions)
    write_bytes(path, page("Ensemble", facts(manifest), parts, lead).encode())
    return path


def sections(manifest: Manifest, ensemble: Ensemble, sessions: Sequence[Session]) -> list[Section]:
    """All parts in their order; one that has no data says so."""
    selection, gains = manifest.selection, Gains.of(ensemble, sessions)
    gained = gain(gains, selection.used, manifest.added)
    return [
        Section("result", "Result", result(manifest)),
        Section("rules", "Rules, cross-fitted", rules(selection)),
        Section("sizes", "Score and number of members", sizes(selection)),
        Section("weights", "Weights", weights(manifest)),
        Section("likeness", "How alike the candidates are", likeness(selection)),
        Section("gain", "Gain over the best single member", gained),
        Section("traces", "Example traces", traces(gains, sessions, manifest.mice)),
        Section("made", "What it is made of", made_of(manifest, ensemble)),
    ]
