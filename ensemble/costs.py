"""What it takes to keep and to run a member: budgets of an ensemble."""

from collections.abc import Sequence

import torch
from torch.utils.flop_counter import FlopCounterMode

from ensemble.members import Member
from ensemble.networks import Networks
from ensemble.predict import Inputs, Voice
from ensemble.rules import Budget
from ensemble.stores import bring_weights
from models.recordings.session import Session

MEGABYTE, GIGA = 1e6, 1e9


def budgets(
    members: Sequence[Member],
    sessions: Sequence[Session],
    megabytes: float | None,
    gflop: float | None,
) -> tuple[Budget, ...]:
    """Those that are asked for: of the members' weights together, and of predicting one trial.

    Floating-point operations rather than seconds, since they are the same on every machine.
    """
    found = []
    if megabytes is not None or gflop is not None:
        bring_weights(run for member in members for run in member.runs)
    if megabytes is not None:
        sizes = tuple(size(member) / MEGABYTE for member in members)
        found.append(Budget(sizes, megabytes, "MB of weights"))
    if gflop is not None:
        each = tuple(operations(member, sessions) / GIGA for member in members)
        found.append(Budget(each, gflop, "GFLOP a trial"))
    return tuple(found)


def size(member: Member) -> int:
    """Bytes of the weights of all its runs."""
    return sum(run.weights.stat().st_size for run in member.runs)


def operations(member: Member, sessions: Sequence[Session]) -> int:
    """Floating-point operations of predicting one trial of the mouse with the most neurons.

    Matrix products and convolutions are counted, which take nearly all of the time.
    """
    session = max(sessions, key=lambda each: each.neurons)
    trial = min(session.tiers)
    voice = Voice(tuple(run.path for run in member.runs), Networks("cpu", resident=False))
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        voice.respond([Inputs.read(session, trial)])
    return int(counter.get_total_flops())
