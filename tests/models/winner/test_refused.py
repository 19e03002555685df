"""Published checkpoints that are not as the published code writes them."""

import json

import pytest
import torch

from models.errors import ProblemsFound, RunError
from models.imports import import_checkpoints
from tests.models.generated_sessions import Plan, write
from tests.models.winner.files import (
    TRIALS,
    argument,
    parameter,
    recordings_of,
)

WRONG = {
    "another network": (
        parameter("nn_module", ("uneuro", {"width": 3})),
        ['nn_module.name: is "dwiseneuro"; found "uneuro"', "nn_module.width", "core_features"],
    ),
    "an unknown argument": (argument("gamma", 1), ["nn_module.gamma: is a parameter of the"]),
    "an unknown parameter": (parameter("tta", True), ["tta: is a parameter of the published"]),
    "other channels": (argument("in_channels", 3), ["nn_module.in_channels: is 5; found 3"]),
    "another padding": (
        parameter("inputs_processor", ("stack_inputs", {"size": (64, 36), "pad_fill_value": 1.0})),
        ["inputs_processor.size: is [64, 64]; found [64, 36]", "pad_fill_value: is 0; found 1.0"],
    ),
    "another position": (
        parameter("frame_stack", {"size": 16, "step": 2, "position": "first"}),
        ['frame_stack.position: is "last"; found "first"'],
    ),
    "other responses": (
        parameter("responses_processor", ("log", {"base": 2})),
        ['responses_processor.name: is "identity"; found "log"', "responses_processor.base"],
    ),
    "no frame stack": (
        lambda content: content["params"].pop("frame_stack"),
        ["frame_stack.size: is given; found nothing", "frame_stack.position: is given"],
    ),
    "another kernel": (argument("spatial_kernel", 9), ["network.spatial_kernel", "found 9"]),
    "no neurons": (argument("readout_outputs", 5), ["lists the number of neurons of each mouse"]),
    "other sizes": (
        argument("cortex_features", (16, 64)),
        ["cortex.1.conv.weight (our name) is 64x8x1; found 32x8x1", "readouts.0.conv.weight"],
    ),
    "a weight too few": (
        lambda content: content["nn_state_dict"].pop("core.stem.0.weight"),
        ["core.0.0.weight (our name) is 6x5x1x1x1; found absent"],
    ),
    "a weight too many": (
        lambda content: content["nn_state_dict"].update({"extra": torch.ones(2)}),
        ["extra (our name) is absent; found 2"],
    ),
    "no tensors": (
        lambda content: content.update(nn_state_dict={"a": 1}),
        ["nn_state_dict: holds named tensors; found dict"],
    ),
    "no parameters": (lambda c: c.update(params=[]), ["params: holds named values; found list"]),
    "another file": (
        lambda content: content.pop("params"),
        ["holds model_name, nn_state_dict, par"],
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_not_known_is_refused_and_never_guessed(data, changed, tmp_path, wrong):
    change, messages = WRONG[wrong]
    with pytest.raises(ProblemsFound) as caught:
        import_checkpoints([changed(change)], tmp_path / "run", data)
    for message in messages:
        assert message in caught.value.message
    assert not (tmp_path / "run").exists()


def test_the_problems_of_all_files_are_told_at_once(refused, data, published, changed, tmp_path):
    cut, junk = tmp_path / "cut.pth", tmp_path / "junk.pth"
    cut.write_bytes(published.read_bytes()[:-500])
    junk.write_bytes(b"junk")
    files = [cut, junk, tmp_path / "absent.pth", changed(argument("in_channels", 3)), published]
    words = ["import-winner", *files, "--to", tmp_path / "run", "--data", data]
    refused(words, "the checkpoints: 4 problems")
    with pytest.raises(ProblemsFound) as caught:
        import_checkpoints(files, tmp_path / "run", data)
    for file in files[:4]:
        assert str(file) in caught.value.message
    assert not (tmp_path / "run").exists()


class Danger:
    """What a pickle could run."""

    def __reduce__(self):
        return print, ("danger",)


def test_a_file_that_would_run_code_is_refused(data, changed, tmp_path, capsys):
    file = changed(lambda content: content["params"].update(loss=Danger()))
    with pytest.raises(ProblemsFound, match="is a checkpoint that torch can read"):
        import_checkpoints([file], tmp_path / "run", data)
    assert "danger" not in capsys.readouterr().out


def test_recordings_of_other_mice_or_frames(published, tmp_path):
    more = recordings_of(tmp_path / "more", a=7, b=5, c=6)
    with pytest.raises(ProblemsFound, match="c of 6 neurons: has one readout, by the number"):
        import_checkpoints([published], tmp_path / "run", more)
    write(tmp_path / "small", Plan(TRIALS, neurons=5, size=(9, 16)), "a")
    with pytest.raises(ProblemsFound, match=r"size: is \[16, 16\]; found \[64, 64\]"):
        import_checkpoints([published], tmp_path / "run", tmp_path / "small")
    assert not (tmp_path / "run").exists()


def test_a_taken_folder_is_left(imported, data, published):
    before = (imported / "config.json").read_text()
    for to, files in ((imported, [published]), (imported.parent / "run", [published] * 2)):
        with pytest.raises(RunError, match="already holds a run"):
            import_checkpoints(files, to, data)
    assert (imported / "config.json").read_text() == before
    assert json.loads(before)["imported"]["params"]["frame_stack"]["position"] == "last"
