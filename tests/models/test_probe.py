"""The probe before a training, on a CPU where it is forced, with errors that a GPU would raise."""

import copy
import weakref

import pytest
import torch

from models.checkpoints import load_state
from models.networks.registry import FAMILIES
from models.training import probe as probing
from models.training.failure import TrainingFailed
from models.training.probe import Probed, is_probed, largest_batch, probe
from tests.models.test_training_memory import ERRORS, Greedy
from tests.models.tiny_training import assert_equal, fit_of, steps, train, training_of, weights


class NothingHeldOut:
    """A validation that takes no memory, and remembers what it was asked for."""

    def __init__(self, error=None):
        self.error, self.tried = error, []

    def try_largest(self, network):
        self.tried.append(network)
        if self.error is not None:
            raise self.error


@pytest.fixture
def force(monkeypatch):
    """From its call on, runs on a CPU are probed too; gives the steps before which they were."""

    def begin():
        probed = []

        def counted(training, held_out):
            probed.append(training.step + 1)
            return probe(training, held_out)

        monkeypatch.setattr("models.fit.is_probed", lambda _: True)
        monkeypatch.setattr("models.fit.probe", counted)
        return probed

    return begin


def everything(value):
    """The tensors and numbers of a nested state, by their place."""
    if isinstance(value, dict):
        return {(k, *rest): v for k, e in value.items() for rest, v in everything(e).items()}
    if isinstance(value, list | tuple):
        return everything(dict(enumerate(value)))
    return {(): value}


def assert_same_state(one, other):
    one, other = everything(one), everything(other)
    assert one.keys() == other.keys()
    for place, value in one.items():
        if torch.is_tensor(value):
            assert torch.equal(value, other[place]), place
        else:
            assert value == other[place], place


def test_only_an_accelerator_is_probed():
    assert is_probed(torch.device("cuda"))
    assert not is_probed(torch.device("cpu"))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_probe_leaves_no_trace_in_a_training(family):
    plain, probed = (training_of(family, batch_size=4) for _ in range(2))
    before, generator = copy.deepcopy(probed.state()), torch.get_rng_state()
    for count in (1, 2):  # at the start, and where a training goes on
        probe(probed, NothingHeldOut())
        assert_same_state(before, probed.state())
        assert torch.equal(generator, torch.get_rng_state())
        assert all(weight.grad is None for weight in probed.network.parameters())
        for training in (plain, probed):
            steps(training, count)
        assert_same_state(plain.state(), probed.state())
        before, generator = copy.deepcopy(probed.state()), torch.get_rng_state()


@pytest.mark.parametrize("family", ["dwiseneuro", "linear"])
def test_a_run_that_is_probed_is_the_run_that_is_not(family, recordings, tmp_path, force):
    train(fit_of(tmp_path / "plain", recordings, family))
    probed = force()
    fit_of(tmp_path / "probed", recordings, family).train_epoch()
    train(fit_of(tmp_path / "probed", recordings, family))  # goes on in a new process
    assert probed == [1, 4], "before its first step, and before the one that it goes on with"
    one, two = (load_state(tmp_path / name / "checkpoint.pt") for name in ("plain", "probed"))
    assert_same_state(one["training"], two["training"])
    one, two = (load_state(tmp_path / name / "weights.pt") for name in ("plain", "probed"))
    assert_equal(one, two)


@pytest.mark.parametrize("device", ERRORS)
def test_a_probe_without_memory_is_repeated_with_half_the_clips_at_once(device):
    training = training_of("dwiseneuro", batch_size=8)
    before = weights(training)
    training.objective = Greedy(training, ERRORS[device], most=4)
    probe(training, NothingHeldOut())
    assert training.objective.sizes == [8, 4, 4]
    (note,) = training.portion.notes
    assert "out of memory in the probe before step 1 with 8 clips at once; going on with 4" in note
    assert_equal(before, weights(training))
    assert all(weight.grad is None for weight in training.network.parameters())
    steps(training, 1)
    assert training.objective.sizes == [8, 4, 4, 4, 4], "the first step begins with what fits"


def test_a_run_that_cannot_fit_fails_before_its_first_step(recordings, tmp_path, force):
    force()
    fit = fit_of(tmp_path / "run", recordings)
    fit.training.objective = Greedy(fit.training, ERRORS["gpu"], most=1)
    with pytest.raises(TrainingFailed) as caught:
        fit.train_epoch()
    reason = "out of memory with 4 clips at once, and again with 2, in the probe before step 1"
    assert caught.value.reason == reason
    assert "micro_batch" in caught.value.remedy
    status = fit.folder.status()
    assert (status.state, status.epoch, status.reason) == ("failed", 0, reason)
    assert fit.training.step == 0


def test_a_single_clip_cannot_be_halved_in_a_probe():
    training = training_of(batch_size=8, micro_batch=1)
    training.objective = Greedy(training, ERRORS["gpu"], most=0)
    with pytest.raises(TrainingFailed, match="in the probe before step 1 with a single clip"):
        probe(training, NothingHeldOut())


def test_a_half_that_was_found_before_is_what_is_probed():
    one, two = (training_of(batch_size=8) for _ in range(2))
    one.objective = Greedy(one, ERRORS["gpu"], most=4)
    steps(one, 1)
    two.load_state(copy.deepcopy(one.state()))
    two.objective = Greedy(two, ERRORS["gpu"], most=4)
    probe(two, NothingHeldOut())
    assert two.objective.sizes == [4, 4]
    two.objective = Greedy(two, ERRORS["gpu"], most=2)
    with pytest.raises(TrainingFailed, match="again with 4, in the probe before step 2"):
        probe(two, NothingHeldOut())


@pytest.mark.parametrize("device", ERRORS)
def test_a_held_out_trial_without_memory_ends_the_training(device):
    training = training_of()
    with pytest.raises(TrainingFailed, match="out of memory in the probe of the validation"):
        probe(training, NothingHeldOut(ERRORS[device]))
    with pytest.raises(RuntimeError, match="a broken layer"):
        probe(training, NothingHeldOut(RuntimeError("a broken layer")))
    assert all(weight.grad is None for weight in training.network.parameters())


def test_other_errors_of_a_probe_are_not_taken_for_a_lack_of_memory():
    training = training_of("dwiseneuro")
    state = copy.deepcopy(training.state())
    training.objective = Greedy(training, RuntimeError("a broken layer"), most=0)
    with pytest.raises(RuntimeError, match="a broken layer"):
        probe(training, NothingHeldOut())
    assert_same_state(state, training.state())


def test_the_optimiser_s_state_is_held_while_the_rest_is_tried(monkeypatch):
    training, held = training_of(batch_size=3), []
    state_to_come, objective = probing._state_to_come, training.objective

    def followed(optimizer):
        for tensor in state_to_come(optimizer):
            held.append(weakref.ref(tensor))
            yield tensor

    def alive():
        return sum(tensor().nbytes for tensor in held if tensor() is not None)

    monkeypatch.setattr(probing, "_state_to_come", followed)
    seen = []
    training.objective = lambda *given: (seen.append(alive()), objective(*given))[1]
    validation = NothingHeldOut()
    validation.try_largest = lambda _: seen.append(alive())
    probe(training, validation)
    assert alive() == 0
    steps(training, 1)
    assert seen[:2] == [bytes_of_state(training)] * 2
    seen.clear()
    probe(training, validation)
    assert seen == [0, 0], "what is there already need not be held"


def bytes_of_state(training):
    states = training.optimizer.state.values()
    return sum(each["exp_avg"].nbytes + each["exp_avg_sq"].nbytes for each in states)


@pytest.mark.parametrize(
    ("batch_size", "micro_batch", "neurons", "rows"),
    [
        (4, None, (3, 2, 9), [0, 1, 2, 2]),  # the mouse that has one clip more
        (2, None, (3, 2, 9), [0, 2]),  # the two mice of a step
        (1, None, (3, 9, 2), [1]),
        (4, 2, (9, 2, 2), [0, 0, 1, 2]),  # in parts: the one that has the largest mouse twice
    ],
)
def test_the_largest_batch_is_that_of_the_largest_mice(batch_size, micro_batch, neurons, rows):
    training = training_of(neurons=neurons, batch_size=batch_size, micro_batch=micro_batch)
    for _ in range(4):
        batch = largest_batch(training)
        assert [m for m, part in batch.rows for _ in range(part.stop - part.start)] == rows
        steps(training, 1)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_largest_held_out_trial_is_predicted_in_one_go_or_in_single_windows(
    family, recordings, tmp_path
):
    fit = fit_of(tmp_path / "run", recordings, family)
    network, seen = fit.training.averaged, []
    network.register_forward_pre_hook(lambda _, given: seen.append((*given[0].shape[:2], given[2])))
    fit._held_out.try_largest(network)
    held_out, config = fit._held_out, fit.config.network
    longest = max(trial.length for own in held_out.trials for trial in own)
    clip = config.clip_frames if network.windowed else -(-longest // config.frame_step)
    assert {shape[:2] for shape in seen} == {(1, clip)}
    ((mouse, _),) = seen[0][2]
    neurons = [len(each.session.unit_ids) for each in held_out.mice]
    lengths = [max((trial.length for trial in own), default=0) for own in held_out.trials]
    assert (lengths[mouse], neurons[mouse]) == max(zip(lengths, neurons, strict=True))


def test_what_a_probe_has_measured_is_told(recordings, tmp_path, monkeypatch):
    monkeypatch.setattr("models.fit.is_probed", lambda _: True)
    monkeypatch.setattr("models.fit.probe", lambda *_: Probed(3.0, 12.34))
    fit = fit_of(tmp_path / "run", recordings)
    assert [fit.train_epoch()["memory_gb"], fit.train_epoch()["memory_gb"]] == [12.34, 12.34]
    assert fit.notes == ["tensors take 12.3 GB of the device's memory"]
    plain = fit_of(tmp_path / "plain", recordings)
    monkeypatch.setattr("models.fit.is_probed", lambda _: False)
    assert "memory_gb" not in plain.train_epoch()
    assert plain.notes == []
