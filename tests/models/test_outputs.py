"""Nonlinearities from drive to response, and the magnitudes of neurons."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from models.networks.outputs import Activation, Magnitude, OutputConfig
from tests.models.tiny import mouse_of

KINDS = ["softplus", "elu", "exp"]


def config_of(**values):
    return OutputConfig(clip_frames=1, **values)


@pytest.mark.parametrize("beta", [0.07, 1.0, 3.0])
def test_each_is_what_its_name_says(beta):
    drive = torch.linspace(-30, 30, 61)
    softplus = Activation(config_of(softplus_beta=beta))(drive)
    torch.testing.assert_close(softplus, F.softplus(drive * beta) / beta)
    elu = Activation(config_of(output="elu"))(drive)
    torch.testing.assert_close(elu, torch.where(drive > 0, drive + 1, drive.exp()))
    torch.testing.assert_close(Activation(config_of(output="exp"))(drive), drive.exp())


@given(st.sampled_from(KINDS), st.floats(0.05, 50), st.floats(0.05, 3))
def test_drive_is_the_inverse(kind, response, beta):
    activation = Activation(config_of(output=kind, softplus_beta=beta))
    back = activation(activation.drive(torch.tensor([response])))
    assert float(back) == pytest.approx(response, rel=1e-3)


def test_a_learnt_beta_starts_where_the_fixed_one_is_and_is_trained():
    learnt = Activation(config_of(softplus_beta=0.3, learn_beta=True))
    drive = torch.linspace(-5, 5, 11)
    torch.testing.assert_close(learnt(drive), F.softplus(0.3 * drive) / 0.3)
    learnt(drive).sum().backward()
    assert learnt.log_beta.grad.abs() > 0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scaled", [True, False])
def test_neurons_start_at_their_means(kind, scaled):
    mouse = mouse_of(4)
    config = config_of(output=kind, scale_outputs=scaled)
    activation = Activation(config)
    magnitude = Magnitude(config, mouse, activation)
    response = magnitude(torch.zeros(2, 4, 3), activation)
    means = torch.from_numpy(mouse.response_mean)[:, None].expand(2, 4, 3)
    torch.testing.assert_close(response, means, rtol=1e-4, atol=1e-4)


def test_half_precision_drives_give_single_precision_responses():
    response = Activation(config_of(output="exp"))(torch.tensor([math.log(300)]).bfloat16())
    assert response.dtype == torch.float32


def test_a_beta_can_be_learnt_only_where_there_is_one():
    with pytest.raises(ValueError, match="learn_beta"):
        config_of(output="elu", learn_beta=True)
