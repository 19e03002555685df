"""The result in numbers: what the ensemble reaches on trials that no model was trained on."""

from ensemble.evaluation import TITLES, TierScores
from ensemble.manifest import Manifest
from ensemble.numbers import number
from models.pages import Block, Note, Table

UNITS = ("raw", "server's")
NONE = (
    "No tier could be evaluated: of no trial that no model was trained on are the responses known."
)


def result(manifest: Manifest) -> list[Block]:
    """The table of all evaluated tiers, and one of the kinds of stimulus where these are known."""
    scores = list(zip(manifest.evaluation_raw, manifest.evaluation, strict=True))
    if not scores:
        return [Note(NONE)]
    words = (
        "Single-trial correlation, mean over neurons and mice, on trials that no model was trained "
        "on. The server's units are responses times their precision, as the competition scores "
        "them; raw units are those of the recordings. The ceiling is the score of the noise-free "
        "responses, which only generated recordings know. The floor is a linear model."
    )
    first = "best single" if manifest.added < len(manifest.members) else "the first alone"
    columns = ("tier", "units", "trials", "floor", first, "plain mean", "ensemble", "gain")
    rows = [
        [TITLES[tier.tier], units, *_numbers(tier)]
        for both in scores
        for tier, units in zip(both, UNITS, strict=True)
    ]
    table = Table((*columns, "ceiling", "ensemble / ceiling"), rows, left=2)
    return [Note(words), table, *_partly(manifest), *_kinds(manifest)]


def _numbers(tier: TierScores) -> list[str]:
    plain = tier.ensemble if tier.plain is None else tier.plain
    return [
        str(tier.trials),
        number(tier.floor),
        number(tier.best_single),
        number(plain),
        number(tier.ensemble),
        number(tier.gain, "+z.4f"),
        number(tier.ceiling),
        number(tier.share, ".0%"),
    ]


def _partly(manifest: Manifest) -> list[Block]:
    """Which mice the scores are of, where it is not all."""
    return [
        Note(f"{TITLES[tier.tier]}: responses are known of {', '.join(tier.mice)} only.")
        for tier in manifest.evaluation
        if len(tier.mice) < len(manifest.mice)
    ]


def _kinds(manifest: Manifest) -> list[Block]:
    """A line a kind of out-of-distribution stimulus, a column a tier and unit."""
    both = [manifest.evaluation_raw, manifest.evaluation]
    told = [
        (f"{TITLES[tier.tier]}, {units}", tier.kinds)
        for pair in zip(*both, strict=True)
        for tier, units in zip(pair, UNITS, strict=True)
        if tier.kinds
    ]
    if not told:
        return []
    kinds = sorted({kind for _, scores in told for kind in scores})
    rows = [[kind, *(number(scores.get(kind)) for _, scores in told)] for kind in kinds]
    columns = ("kind of stimulus", *(title for title, _ in told))
    return [Table(columns, rows, title="The ensemble on each kind of out-of-distribution stimulus")]
