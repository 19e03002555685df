"""A data set of two mice, and fixtures that write a submission about it and check it; a tiny search."""

import pytest

from ensemble.check import check_submission
from ensemble.submission import write_submission
from tests.ensemble.build_fixtures import make_demo
from tests.ensemble.small_sessions import (
    LIVE_MAIN,
    make_sessions,
    right_rows,
)


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    """Generated recordings and a search over them; not to be changed, see `Demo.copy`."""
    return make_demo(tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="module")
def sessions(tmp_path_factory):
    return make_sessions(tmp_path_factory.mktemp("data"))


@pytest.fixture
def rows(sessions):
    """Those of a right submission: three trials of each mouse, the second with 324 frames."""
    return right_rows(sessions)


@pytest.fixture
def verdict(tmp_path, sessions):
    """Write rows under the right name and check them."""

    def check(rows, **options):
        write_submission(tmp_path / LIVE_MAIN, rows, **options)
        return check_submission(tmp_path / LIVE_MAIN, sessions)

    return check


@pytest.fixture
def table_verdict(tmp_path, sessions):
    """Write a table as pandas does, faults and all, and check it."""

    def check(table, name=LIVE_MAIN, **options):
        options = {"compression": "brotli", "index": False} | options
        table.to_parquet(tmp_path / name, engine="pyarrow", **options)
        return check_submission(tmp_path / name, sessions)

    return check
