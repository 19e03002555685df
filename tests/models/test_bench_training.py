import pytest
import torch

from models.bench.stepping import NEURONS, Noise, Plain, Size, _network, our_steps, plain_steps
from models.bench.training import PROMISES, bench_training
from models.config import RunConfig
from models.errors import UserError
from models.training.loop import Training
from models.training.settings import TrainingConfig
from tests.models.tiny import config_of

TINY = Size(network=config_of("dwiseneuro").network, neurons=(3, 4, 5, 2), batch=3, compile=False)


def test_the_mice_are_the_competition_s():
    assert len(NEURONS) == 10
    assert sum(NEURONS) == 78853


def test_noise_is_spread_over_the_mice_as_clips_are():
    feed = Noise(TINY)
    mice = [[mouse for mouse, _ in feed.batch(step).rows] for step in range(4)]
    assert mice == [[0, 1, 2], [0, 1, 3], [0, 2, 3], [1, 2, 3]]
    batch = feed.batch(1)
    assert [len(part) for part in batch.responses] == [1, 1, 1]
    assert [part.shape[1] for part in batch.responses] == [3, 4, 2]
    two = Noise(Size(network=TINY.network, neurons=(3, 4), batch=5)).batch(0)
    assert two.rows == [(0, slice(0, 3)), (1, slice(3, 5))]


def test_both_ways_minimise_the_same_loss():
    plain = Plain(TINY)
    settings = TrainingConfig(batch_size=TINY.batch)
    config = RunConfig(network=TINY.network, training=settings)
    ours = Training(config, _network(TINY), Noise(TINY), TINY.place, trials=1)
    for network in (plain.network, ours.network):
        network.eval()  # they draw other features to be dropped
    batch = Noise(TINY).batch(0)
    mean, _ = ours._backward(batch)
    loss = plain.loss(batch)
    torch.testing.assert_close(loss.detach(), mean)
    loss.backward()
    for one, other in zip(ours.network.parameters(), plain.network.parameters(), strict=True):
        if one.grad is not None:
            torch.testing.assert_close(one.grad, other.grad, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("way", [our_steps, plain_steps])
def test_a_way_tells_its_speed(way):
    assert way(TINY.model_dump_json()) > 0


@pytest.mark.slow
def test_a_benchmark_measures_every_figure():
    figures = bench_training(TINY, rounds=1)
    names = [*PROMISES] if torch.cuda.is_available() else ["step_ratio", "step_peak_mb"]
    assert {figure.name for figure in figures} >= set(names)
    assert all(figure.value > 0 and figure.baseline > 0 for figure in figures)


def test_without_a_gpu_none_is_measured(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match="'cuda' is no device of this machine"):
        bench_training(TINY, rounds=1, where="cuda")
