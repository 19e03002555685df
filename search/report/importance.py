"""Which parameters mattered for a good score: Optuna's PED-ANOVA over full-budget trials.

Watanabe, Bansal and Hutter, IJCAI 2023; Optuna's default, here in its default settings.
"""

import warnings
from collections import Counter
from collections.abc import Mapping, Sequence

import optuna
from optuna.trial import FrozenTrial, TrialState, create_trial
from plotly.graph_objects import Bar, Figure

from models.pages import Block, Chart, Note, figure
from search.objectives import score_of
from search.report.history import History
from search.report.look import COLOURS
from search.space import FAMILY

FEWEST = 8
"""Complete trials of a family below which importances would be noise."""
UNTOLD = "importances will be equal"
"""What Optuna says where the best trials are all trials."""


def importance(history: History) -> list[Block]:
    """A bar a parameter for each family; one sentence where no family has enough trials."""
    ranked = {family: history.ranked(family) for family in sorted(history.families())}
    found = {
        family: importances([trial.stored for trial in trials])
        for family, trials in ranked.items()
        if len(trials) >= FEWEST
    }
    charts = [
        Chart(importance_figure(shares), f"{family}: {len(ranked[family])} complete trials")
        for family, shares in found.items()
        if any(shares.values())
    ]
    if found and not charts:
        return [
            Note("The scores of complete trials differ too little to tell what they depend on.")
        ]
    counts = ", ".join(f"{family} {len(trials)}" for family, trials in ranked.items())
    if not charts:
        words = f"Too few complete trials to tell: below {FEWEST} of a family"
        return [Note(f"{words} (found: {counts or 'none'}), importances would be noise.")]
    few = [family for family, trials in ranked.items() if len(trials) < FEWEST]
    left_out = f" Fewer than {FEWEST} complete trials: {', '.join(few)}." if few else ""
    words = (
        "Shares of PED-ANOVA over trials with their full budget, within a family: how much a "
        "parameter decides whether a trial is among the best tenth. With few trials the shares are "
        "rough."
    )
    return [Note(words + left_out), *charts]


def importances(trials: Sequence[FrozenTrial]) -> dict[str, float]:
    """The share of each parameter that varies among complete trials, in a study of only these.

    Nothing where so many have the same score that none stand out.
    """
    complete = [_scored(trial) for trial in trials if trial.state == TrialState.COMPLETE]
    if len({trial.value for trial in complete}) < 2:
        return {}
    study = optuna.create_study(direction="maximize")
    study.add_trials(complete)
    # Optuna warns of parameters that few trials have, of which the page says that shares are rough.
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        shares = optuna.importance.get_param_importances(study)
    if any(UNTOLD in str(warning.message) for warning in told):
        return {}
    shares.pop(FAMILY, None)
    return readable(shares)


def _scored(trial: FrozenTrial) -> FrozenTrial:
    """A complete trial with its score alone, whatever the other objectives of its search are."""
    return create_trial(
        value=score_of(trial), params=trial.params, distributions=trial.distributions
    )


def readable(shares: Mapping[str, float]) -> dict[str, float]:
    """The same with the shortest label of each parameter that is no other's too."""
    counts = Counter(short for label in shares for short in _shorter(label))
    names = {
        label: next((short for short in _shorter(label) if counts[short] == 1), label)
        for label in shares
    }
    return {names[label]: share for label, share in shares.items()}


def _shorter(label: str) -> list[str]:
    """The last part of a name, then the same with the condition of the alternative."""
    name, bracket, condition = label.partition(" (")
    last = name.rpartition(".")[2]
    return [last, last + bracket + condition] if bracket else [last]


def importance_figure(shares: Mapping[str, float]) -> Figure:
    """A bar a parameter, the largest on top."""
    ordered = sorted(shares.items(), key=lambda pair: pair[1])
    made = figure(114 + 28 * len(ordered), xaxis_title="share of importance")
    made.add_trace(
        Bar(
            x=[share for _, share in ordered],
            y=[name for name, _ in ordered],
            orientation="h",
            marker={"color": COLOURS["complete"]},
            text=[f"{share:.2f}" for _, share in ordered],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y}: %{x:.3f}<extra></extra>",
        )
    )
    made.update_layout(margin={"t": 34, "r": 60}, bargap=0.35)
    made.update_yaxes(ticksuffix="  ", gridcolor="white")
    return made
