"""The rules in a table: what each is worth on trials that it was not fitted to."""

from ensemble.numbers import number, with_error
from ensemble.selection import RuleScore, Selection
from models.pages import Block, Note, Table

NONE = "Nothing was chosen by a score: all members are imported."


def rules(selection: Selection) -> list[Block]:
    """The table, the simplest rule first; one sentence where none was compared."""
    if not selection.rules:
        return [Note(NONE)]
    words = (
        f"Each rule weights the same {len(selection.candidates)} candidates. In-sample scores are "
        "too good: the weights were fitted to the trials that they are scored on. For the "
        f"cross-fitted score the held-out trials are split by film into {selection.blocks} blocks, "
        "and every block is scored with weights that were fitted to others (± standard error over "
        "blocks); optimism is the difference. The rule to use is the simplest that is not behind "
        "the best by more than the standard error of their difference. Raw units."
    )
    columns = ("rule", "members", "in-sample", "cross-fitted", "optimism", "behind the best", "")
    rows = [_row(each, each.rule == selection.used) for each in selection.rules]
    return [Note(words), Table(columns, rows, words=1), Note(f"Used: {selection.reason}.")]


def _row(rule: RuleScore, used: bool) -> list[str]:
    return [
        rule.rule,
        str(rule.members),
        number(rule.in_sample),
        with_error(rule.cross_fitted, rule.error),
        number(rule.optimism, "+z.4f"),
        with_error(rule.behind, rule.behind_error),
        "used" if used else "",
    ]
