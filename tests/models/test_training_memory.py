import copy
import math

import pytest
import torch

from models.networks.registry import FAMILIES
from models.training.failure import TrainingFailed
from models.training.memory import Portion, is_out_of_memory
from models.training.objective import ResponseLoss
from models.training.parts import parts_of
from tests.models.tiny import NETWORKS, config_of
from tests.models.tiny_training import assert_close, assert_equal, steps, training_of, weights

ON_A_CPU = (
    "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you "
    "tried to allocate 1200000000000000 bytes. Error code 12 (Cannot allocate memory)"
)
ERRORS = {
    "gpu": torch.OutOfMemoryError("CUDA out of memory"),
    "others": RuntimeError("CUDA error: out of memory\nSearch for `cudaErrorMemoryAllocation'"),
    "cpu": RuntimeError(ON_A_CPU),
}


def gradients(training):
    training.network.train()
    assert training._added_up()
    return {n: p.grad for n, p in training.network.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("micro_batch", [1, 2, 3, 5])
@pytest.mark.parametrize("loss", ["poisson", "poisson_correlation"])
def test_gradients_of_parts_add_up_to_the_batch_s(micro_batch, loss):
    settings = {"batch_size": 8, "cutmix_probability": 0.7, "loss": loss}
    whole = gradients(training_of(**settings))
    parts = gradients(training_of(**settings, micro_batch=micro_batch))
    assert_close(whole, parts, rtol=1e-4, atol=1e-3)


def test_networks_that_drop_features_can_be_trained_in_parts():
    settings = {"batch_size": 8, "micro_batch": 3}
    for family in FAMILIES:
        assert math.isfinite(training_of(family, **settings).train_epoch())


def test_without_dropout_deep_networks_add_up_too(monkeypatch):
    dropped = NETWORKS["motion_energy"] | {"drop_rate": 0.0}
    monkeypatch.setitem(NETWORKS, "motion_energy", dropped)
    whole, parts = (
        steps(training_of("motion_energy", batch_size=8, micro_batch=m), 3) for m in (None, 2)
    )
    assert_close(weights(whole), weights(parts), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("clips", [1, 2, 3, 4, 7, 8, 20])
def test_parts_are_the_batch_from_first_to_last(clips):
    batch = training_of(batch_size=8).feed.batch(0)
    parts = list(parts_of(batch, clips))
    assert [len(part.video) for part in parts[:-1]] == [clips] * (len(parts) - 1)
    assert torch.equal(torch.cat([part.video for part in parts]), batch.video)
    assert torch.equal(torch.cat([part.behaviour for part in parts]), batch.behaviour)
    seen = {}
    for part in parts:
        assert part.rows[0][1].start == 0
        assert part.rows[-1][1].stop == len(part.video)
        for (mouse, rows), response in zip(part.rows, part.responses, strict=True):
            assert len(response) == rows.stop - rows.start
            seen.setdefault(mouse, []).append(response)
    assert all(
        torch.equal(torch.cat(seen[mouse]), response)
        for (mouse, _), response in zip(batch.rows, batch.responses, strict=True)
    )


class Greedy:
    """An objective that has no memory for more than `most` clips, from its call `first` on."""

    def __init__(self, training, error, most, first=0):
        self.objective, self.error, self.most, self.first = training.objective, error, most, first
        self.sizes = []

    def __call__(self, network, batch):
        self.sizes.append(len(batch.video))
        losses = self.objective(network, batch)
        if len(batch.video) > self.most and len(self.sizes) > self.first:
            losses.sum().backward()  # what is left of this must not count
            raise self.error
        return losses


@pytest.mark.parametrize("device", ERRORS)
def test_a_step_without_memory_is_repeated_with_half_the_clips_at_once(device):
    plain, greedy = (training_of(batch_size=8) for _ in range(2))
    greedy.objective = Greedy(greedy, ERRORS[device], most=4, first=1)
    for training in (plain, greedy):
        steps(training, 3)
    assert greedy.objective.sizes == [8, 8, 4, 4, 4, 4]
    assert_close(weights(plain), weights(greedy), rtol=1e-3, atol=1e-4)
    assert greedy.portion.clips == 4
    (note,) = greedy.portion.notes
    assert "out of memory in step 2 with 8 clips at once; going on with 4" in note
    assert plain.portion.notes == []


@pytest.mark.parametrize("device", ERRORS)
def test_a_second_lack_of_memory_ends_the_training(device):
    training = training_of(batch_size=8)
    training.objective = Greedy(training, ERRORS[device], most=2)
    with pytest.raises(TrainingFailed) as caught:
        training.train_epoch()
    assert "out of memory with 8 clips at once, and again with 4, in step 1" in caught.value.reason
    assert "micro_batch" in caught.value.remedy


def test_a_single_clip_cannot_be_halved():
    training = training_of(batch_size=8, micro_batch=1)
    training.objective = Greedy(training, ERRORS["gpu"], most=0)
    with pytest.raises(TrainingFailed, match="out of memory in step 1 with a single clip at once"):
        training.train_epoch()


def test_halves_and_notes_are_part_of_the_state():
    one, two = (training_of(batch_size=8) for _ in range(2))
    one.objective = Greedy(one, ERRORS["gpu"], most=4)
    steps(one, 1)
    two.load_state(copy.deepcopy(one.state()))
    assert (two.portion.clips, two.portion.notes) == (4, one.portion.notes)
    for training in (one, two):
        steps(training, 2)
    assert_equal(weights(one), weights(two))
    two.objective = Greedy(two, ERRORS["gpu"], most=2)
    with pytest.raises(TrainingFailed, match="with 8 clips at once, and again with 4"):
        steps(two, 1)


def test_other_errors_are_not_taken_for_a_lack_of_memory():
    assert not is_out_of_memory(RuntimeError("a broken layer"))
    training = training_of(batch_size=8)
    training.objective = Greedy(training, RuntimeError("a broken layer"), most=0)
    with pytest.raises(RuntimeError, match="a broken layer"):
        training.train_epoch()
    assert training.portion.clips == 8


def test_an_error_of_torch_s_cpu_allocator_is_one():
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60)
    assert is_out_of_memory(caught.value)


@pytest.mark.parametrize(("clips", "half"), [(2, 1), (3, 1), (32, 16)])
def test_half_of_so_many(clips, half):
    portion = Portion(clips)
    portion.halve("step 1")
    assert portion.clips == half


def test_the_command_line_notes_a_lack_of_memory_once(call, recordings, tmp_path, monkeypatch):
    whole = ResponseLoss.__call__

    def greedy(objective, network, batch):
        if len(batch.video) > 2:
            raise ERRORS["gpu"]
        return whole(objective, network, batch)

    monkeypatch.setattr(ResponseLoss, "__call__", greedy)
    config = tmp_path / "config.json"
    config.write_text(config_of().model_dump_json())
    words = ("train", recordings, "--run", tmp_path / "run", "--config", config)
    code, _, errors = call(*words)
    assert code == 0
    assert errors.count("note: out of memory in step 1 with 4 clips at once; going on with 2") == 1
