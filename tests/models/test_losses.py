import numpy as np
import torch

from models.losses import poisson, weighted_poisson
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
