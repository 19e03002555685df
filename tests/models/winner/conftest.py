"""A published checkpoint with its own software's outputs, and recordings for its mice."""

import numpy as np
import pytest
import torch

from models.imports import import_checkpoints
from tests.models.winner.files import NAME, recordings_of
from tests.shared_files import shared


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Two mice in another order than the checkpoint's readouts, which have 5 and 7 neurons."""
    return recordings_of(tmp_path_factory.mktemp("winner") / "data", a=7, b=5)


@pytest.fixture(scope="module")
def published():
    return shared(f"golden/{NAME}")


@pytest.fixture(scope="module")
def golden():
    with np.load(shared("golden/dwiseneuro_forward.npz")) as archive:
        return dict(archive)


@pytest.fixture(scope="module")
def imported(data, published, tmp_path_factory):
    to = tmp_path_factory.mktemp("imported") / "run"
    import_checkpoints([published], to, data)
    return to


@pytest.fixture
def changed(published, tmp_path):
    """Writes the checkpoint with changes to its content."""

    def changed(change, name=NAME):
        content = torch.load(published, weights_only=True)
        change(content)
        torch.save(content, tmp_path / name)
        return tmp_path / name

    return changed
