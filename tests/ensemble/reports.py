"""What the tests of the report share: a manifest as `build` writes it, and parts of its page."""

from ensemble.chosen import Wanted, choose
from ensemble.evaluation import TierScores
from ensemble.manifest import Manifest
from ensemble.report.gains import Gains
from ensemble.report.page import sections
from models.pages import Chart, Note
from models.recordings.data_set import open_sessions
from models.recordings.session import fingerprint
from tests.pages import Page


def manifest_of(candidates, data, rule="mean"):
    """What `build` would write of an ensemble, without its files; the scores are made up."""
    sessions = open_sessions(data)
    mice = [session.name for session in sessions]
    ensemble = choose(candidates, sessions, Wanted(rule=rule))
    alone = tuple(0.3 - 0.01 * place for place in range(len(ensemble.members)))
    main = TierScores("oracle", 4, (*mice,), alone, 0.34, None, 0.1, 0.8)
    ood = TierScores("live_test_bonus", 6, (mice[0],), alone, 0.28, 0.27, kinds={"gabor": 0.123})
    return Manifest.of(
        ensemble,
        mice,
        evaluation=(main, ood),
        evaluation_raw=(main, ood),
        data=str(data),
        data_fingerprint=fingerprint(sessions),
        options={"wanted": {"top": 10, "gflop": None}, "scheme": "user"},
        files=[],
    )


def gains_of(manifest, data):
    return Gains.of(manifest.ensemble(), open_sessions(data))


def notes(blocks):
    return " ".join(block.text for block in blocks if isinstance(block, Note))


def chart(blocks, place=0):
    return [block.figure for block in blocks if isinstance(block, Chart)][place]


def parts_of(manifest, demo):
    return sections(manifest, manifest.ensemble(), open_sessions(demo.data))


def page_at(path):
    return Page(path.read_text())
