import functools

import pytest
import torch

from models.errors import UserError
from models.fit import Fit
from models.networks.registry import FAMILIES
from models.training.failure import TrainingFailed
from models.training.kernels import check_compiler
from tests.models.tiny import config_of
from tests.models.tiny_training import CPU, assert_close, steps, training_of, weights

# torch itself still uses what it deprecates, when it compiles for the first time.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def traced(monkeypatch):
    """Trace and guard as a compiler does, without generating code, which takes many seconds."""
    eager = functools.partial(torch.compile, backend="eager")
    monkeypatch.setattr(torch, "compile", eager)
    yield
    torch._dynamo.reset()


@pytest.mark.parametrize("family", FAMILIES)
def test_the_names_of_weights_stay(family):
    plain, compiled = training_of(family), training_of(family, compile=True)
    assert weights(plain).keys() == weights(compiled).keys()
    assert plain.state().keys() == compiled.state().keys()
    parts = compiled.network.compiled_parts()
    assert all("forward" in vars(part) for part in parts)
    assert not any("forward" in vars(part) for part in compiled.averaged.modules())
    assert plain.averaged.state_dict().keys() == compiled.averaged.state_dict().keys()


@pytest.mark.usefixtures("traced")
def test_compiled_parts_train_as_others_do():
    plain, compiled = (training_of("motion_energy", compile=chosen) for chosen in (False, True))
    for training in (plain, compiled):
        steps(training, 2)
    assert_close(weights(plain), weights(compiled), rtol=1e-4, atol=1e-5)


@pytest.mark.usefixtures("traced")
def test_the_first_step_s_seconds_are_told_where_parts_are_compiled(recordings, tmp_path):
    lines = []
    for name, chosen in (("plain", False), ("compiled", True)):
        fit = Fit(tmp_path / name, config_of(compile=chosen), recordings, "cpu")
        lines += [fit.train_epoch(), fit.train_epoch()]
    assert ["first_step_seconds" in line for line in lines] == [False, False, True, False]
    assert 0 < lines[2]["first_step_seconds"] < lines[2]["seconds"]


def refusing(*_):
    """A compiler that cannot."""
    raise ValueError("a strange shape")


def test_a_network_that_cannot_be_compiled_ends_the_training(monkeypatch):
    compiler = functools.partial(torch.compile, backend=refusing)
    monkeypatch.setattr(torch, "compile", compiler)
    with pytest.raises(TrainingFailed, match="ValueError: a strange shape") as caught:
        steps(training_of("motion_energy", compile=True), 1)
    assert caught.value.remedy == "set training.compile to false"
    torch._dynamo.reset()


@pytest.mark.slow
def test_without_a_compiler_the_mistake_is_named_before_a_folder_is_taken(recordings, tmp_path):
    from torch._inductor import config

    with config.patch({"cpp.cxx": ("/none/compiler",)}):
        with pytest.raises(UserError, match="nothing can be compiled for cpu") as caught:
            check_compiler(CPU)
        assert "compiler" in caught.value.message.split("cpu: ")[1]
        assert "training.compile" in caught.value.message
        with pytest.raises(UserError, match="nothing can be compiled for cpu"):
            Fit(tmp_path / "run", config_of(compile=True), recordings, "cpu")
    assert not (tmp_path / "run").exists()
    torch._dynamo.reset()
