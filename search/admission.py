"""Which nodes of a cluster may train: those with this code, these recordings and home or store."""

from pathlib import Path

from models.errors import UserError
from models.recordings.where import Where
from search.doctor import compare, storage
from search.doctor.lines import Finding, guarded
from search.doctor.machine import Machine, describe, software
from search.doctor.nodes import Answer, Nodes


def check_nodes(nodes: Nodes, home: Path, data: Where, store: str = "") -> list[str]:
    """Ask every node; the names of those that need not fetch the recordings.

    With a store the home need not be the same folder for all. Raises UserError with all that keeps a
    node from training a trial.
    """
    answers = nodes.ask(describe, home, data)
    found = objections(answers, data)
    if not found:
        found = _problems(guarded("storage", lambda: storage.checked(nodes, home, store)))
    if found:
        raise refusal(found)
    return [each.node for each in answers if each.value and not each.value.recordings.missing]


def objections(answers: list[Answer[Machine]], data: Where) -> list[Finding]:
    """What is wrong with the machines that answered, and with those that did not."""
    machines = {each.node: each.value for each in answers if each.value is not None}
    silent = {each.node: each.failure for each in answers if each.value is None}
    return _problems(
        [
            *compare.answers(silent, len(answers), ""),
            *compare.versions(software(), machines),
            *compare.data(str(data), machines),
        ]
    )


def refusal(problems: list[Finding]) -> UserError:
    """All problems as one error."""
    lines = [f"{each.name}: {each.found}" for each in problems]
    message = lines[0] if len(lines) == 1 else "\n".join(["", *(f"- {line}" for line in lines)])
    remedies = " ".join(dict.fromkeys(each.remedy for each in problems if each.remedy))
    return UserError(f"the cluster is not ready for this search: {message}", remedies)


def _problems(findings: list[Finding]) -> list[Finding]:
    return [each for each in findings if each.state == "problem"]
