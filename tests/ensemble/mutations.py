"""A right submission and ways to spoil it, one at a time."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from ensemble.columns import schema
from ensemble.submission import Row
from tests.ensemble.shifted_sessions import FIRST_PRESENTED, jumping_rows, precision
from tests.ensemble.small_sessions import LIVE_MAIN, table_of

UNSCORED = "dynamic3-1-1-Video-aaaa"


@dataclass
class Good:
    """A right submission as pandas would write it, to be changed by a mutation."""

    sessions: list
    name: str = LIVE_MAIN
    options: dict = field(default_factory=lambda: {"compression": "brotli", "index": False})
    damage: object = None
    """What is done to the written bytes."""

    def __post_init__(self):
        self.table = table_of(jumping_rows(self.sessions))

    def cell(self, column, row, value):
        """Put a value into one cell, which may be a list."""
        cells = self.table[column].to_list()
        cells[row] = value(cells[row]) if callable(value) else value
        self.table[column] = pd.Series(cells, dtype=object, index=self.table.index)

    def values(self, change, rows=None):
        """Change the (N, F) predictions of some rows, all by default."""
        for row in range(len(self.table)) if rows is None else rows:
            values = np.array(self.table["prediction"][row])
            self.cell("prediction", row, np.array(change(values)).tolist())

    def rows(self, made):
        """Hold these rows instead."""
        self.table = table_of(made)

    def write(self, folder):
        path = folder / self.name
        self.table.to_parquet(path, engine="pyarrow", **self.options)
        if self.damage is not None:
            path.write_bytes(self.damage(path.read_bytes()))
        return path


def renamed(name):
    return lambda good: setattr(good, "name", name)


def damaged(how):
    return lambda good: setattr(good, "damage", how)


def compressed(how):
    return lambda good: good.options.update(compression=how)


def without(column):
    return lambda good: setattr(good, "table", good.table.drop(columns=column))


def column(name, values):
    return lambda good: setattr(good, "table", good.table.assign(**{name: values(good.table)}))


def cell(name, row, value):
    return lambda good: good.cell(name, row, value)


def kept(rows):
    def change(good):
        good.table = good.table.iloc[rows].reset_index(drop=True)

    return change


def ordered(*names):
    return lambda good: setattr(good, "table", good.table[list(names)])


def changed(change, rows=None):
    return lambda good: good.values(change, rows)


def remade(**options):
    return lambda good: good.rows(jumping_rows(good.sessions, **options))


def put(value, neuron=3, frame=4):
    def change(values):
        values[neuron, frame] = value
        return values

    return change


def one_neuron(value):
    def change(values):
        values[5] = value(values) if callable(value) else value
        return values

    return change


def raw(good):
    rows = jumping_rows(good.sessions)
    scales = {session.name: precision(session)[:, 50:299] for session in good.sessions}
    good.table["prediction"] = [(row.prediction / scales[row.mouse]).tolist() for row in rows]


def constant_but_for_precision(good):
    scales = {session.name: precision(session)[5, 50:299] for session in good.sessions}
    for row, mouse in enumerate(good.table["mouse"]):
        good.values(one_neuron(7 * scales[mouse]), [row])


def indexed(good):
    good.table.index = pd.Index(range(1, 2 * len(good.table), 2))
    good.options["index"] = True


def presented(mice):
    def change(good):
        wrong = good.table["mouse"].isin(mice)
        good.table.loc[wrong, "trial_indices"] += FIRST_PRESENTED

    return change


def null(values):
    return [None, *values[1:]]


def texts(change):
    return column("trial_indices", lambda table: [change(t) for t in table["trial_indices"]])


def twice(good):
    good.table = pd.concat([good.table, good.table.iloc[[1]]], ignore_index=True)


def nothing(good):
    good.options["schema"] = schema()
    good.table = good.table.iloc[:0]


def half(content):
    return content[: len(content) // 2]


def overwritten(content):
    return content[:4] + bytes(3000) + content[3004:]


def stranger(good):
    row = jumping_rows(good.sessions)[0]
    good.rows([*jumping_rows(good.sessions), Row(UNSCORED, 2, row.prediction, row.neuron_ids)])


PROBLEMS_ALONE = [
    ("another name", renamed("mine.parquet.brotli"), ["file name", "found mine"]),
    ("snappy", compressed("snappy"), ["compressed with Brotli"]),
    ("a column more", column("frames", lambda _: 1), ["columns", "also frames"]),
    ("numbers for mice", column("mouse", lambda _: 1), ["column mouse", "int64"]),
    ("a row twice", twice, ["a trial has one row", "the trial of row 1 again"]),
    ("a trial below 0", cell("trial_indices", 0, -1), ["written as 1", "'-1'"]),
    ("bare texts", texts(str), ["written as 1 or as '1.npy'"]),
    ("no row", nothing, ["found no row"]),
    (
        "another order of ids",
        cell("neuron_ids", 2, lambda ids: ids[::-1]),
        ["row 2", "all rows of a mouse have the same neuron_ids", "in another order"],
    ),
    ("other ids", cell("neuron_ids", 5, lambda ids: [*ids[:-1], 999]), ["row 5", "other ids"]),
    (
        "fewer neurons than ids",
        cell("prediction", 0, lambda rows: rows[1:]),
        ["as many neurons as neuron_ids", "23 and 24 ids"],
    ),
    ("no ids", cell("neuron_ids", 4, None), ["no cell is null"]),
    ("a shorter neuron", cell("prediction", 3, lambda r: [*r[:-1], r[-1][1:]]), ["248 to 249"]),
    ("both conventions", changed(lambda v: np.hstack([v, v[:, :1]]), [5]), ["either 249 or 250"]),
    ("infinity", changed(put(np.inf), [4]), ["row 4", "finite"]),
    ("cut in half", damaged(half), ["it is a whole Parquet file"]),
    ("damaged pages", damaged(overwritten), ["every page can be read"]),
]
"""Faults that a file shows without recordings: name, mutation, and words of the one problem."""
