import numpy as np
import pytest
import torch

from models.losses import correlation, poisson, poisson_correlation, weighted_poisson
from tests.shared_files import shared


def test_poisson_equals_the_winners():
    with np.load(shared("golden/poisson_loss.npz")) as archive:
        golden = {name: torch.from_numpy(archive[name]) for name in archive.files}
    predictions = [golden["pred0"], golden["pred1"]]
    targets = [golden["target0"], golden["target1"]]
    loss = weighted_poisson(predictions, targets, golden["mouse_weights"])
    torch.testing.assert_close(loss, golden["loss"], rtol=1e-5, atol=0)


def test_poisson_of_a_clip_does_not_depend_on_the_other_clips():
    generator = torch.Generator().manual_seed(0)
    prediction, response = torch.rand(2, 4, 3, 5, generator=generator)
    torch.testing.assert_close(
        poisson(prediction, response)[:1], poisson(prediction[:1], response[:1])
    )
    assert poisson(torch.zeros(1, 1, 1), torch.zeros(1, 1, 1)).item() == 0


def random_clips(shape=(4, 3, 20)):
    generator = torch.Generator().manual_seed(1)
    return 5 * torch.rand(2, *shape, generator=generator, dtype=torch.float64)


def test_correlation_is_pearson_s_of_each_clip_and_neuron():
    prediction, response = random_clips()
    found = correlation(prediction, response)
    for clip, neuron in np.ndindex(4, 3):
        expected = np.corrcoef(prediction[clip, neuron], response[clip, neuron])[0, 1]
        assert found[clip, neuron].item() == pytest.approx(expected, abs=1e-6)


def test_poisson_correlation_adds_what_the_correlation_lacks():
    prediction, response = random_clips()
    found = poisson_correlation(prediction, response, weight=1000)
    lacking = 1 - correlation(prediction, response).mean(1)
    torch.testing.assert_close(found, poisson(prediction, response) + 1000 * lacking)
    torch.testing.assert_close(
        poisson_correlation(prediction[1:2], response[1:2], weight=1000), found[1:2]
    )
    assert (
        poisson_correlation(response, response, 7).sub(poisson(response, response)).abs().max()
        < 1e-5
    )


@pytest.mark.parametrize("constant", ["prediction", "response", "both"])
def test_constant_values_have_no_correlation_and_a_finite_gradient(constant):
    prediction, response = (x.float() for x in random_clips())
    if constant != "response":
        prediction[:] = 3
    if constant != "prediction":
        response[:] = 0
    prediction.requires_grad_()
    found = correlation(prediction, response)
    assert not found.any()
    poisson_correlation(prediction, response, 1000).sum().backward()
    assert prediction.grad.isfinite().all()


def test_a_clip_of_one_frame_has_no_correlation():
    prediction, response = random_clips((2, 3, 1))
    assert not correlation(prediction, response).any()
