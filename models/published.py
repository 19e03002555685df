"""The winner's published checkpoints, read without running what they hold and without guessing."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from models.checkpoints import MALFORMED
from models.config import RunConfig, load_config
from models.errors import ConfigurationError, Problem, ProblemsFound
from models.networks.network import Mouse
from models.networks.registry import build
from models.networks.winner import (
    from_winner,
    network_settings,
    parameter_problems,
    parameters,
    with_readouts,
)

FOLDS = 7
PARTS = {"model_name", "nn_state_dict", "params"}
_NAME = re.compile(r"^model-(\d+)-(\d+\.\d+)\.pth$")
_FOLD = re.compile(rf"^fold_([0-{FOLDS - 1}])$")


@dataclass(frozen=True)
class Checkpoint:
    """A published checkpoint that was read and understood."""

    path: Path
    config: RunConfig
    params: dict[str, Any]
    """As the file has them."""
    neurons: tuple[int, ...]
    """Of each readout."""
    state: Mapping[str, Tensor]
    """Under our names, with all readouts and without output scales."""

    @property
    def fold(self) -> int | None:
        """The fold that the path names."""
        return fold_of(self.path)

    @property
    def epoch(self) -> int:
        """What the file's name claims; 0 where it claims nothing."""
        told = _NAME.match(self.path.name)
        return int(told[1]) if told else 0

    @property
    def score(self) -> float | None:
        """The validation score that the file's name claims."""
        told = _NAME.match(self.path.name)
        return float(told[2]) if told else None


def read_checkpoint(path: Path, size: tuple[int, int]) -> Checkpoint:
    """Read a file for frames of `size` (height, width), mapped and not copied.

    Raises ProblemsFound with everything that is no checkpoint of the winner's network.
    """
    content = _content(path)
    flat = parameters(content["params"])
    raise_all(path, parameter_problems(str(path), flat, size[1]))
    neurons = _neurons(path, flat["nn_module.readout_outputs"])
    config = _config(path, flat)
    state = from_winner(content["nn_state_dict"])
    raise_all(path, [*_misfits(path, config, neurons, state, size)])
    return Checkpoint(path, config, dict(content["params"]), neurons, state)


def fold_of(path: Path) -> int | None:
    """The fold N of a path with a folder fold_N."""
    found = [told for part in path.parts if (told := _FOLD.match(part))]
    return int(found[-1][1]) if found else None


def raise_all(path: Path, problems: list[Problem]) -> None:
    """Raise ProblemsFound unless there are none."""
    if problems:
        remedy = "Give a file as the winner published it: model-<epoch>-<score>.pth."
        raise ProblemsFound(str(path), problems, remedy)


def _content(path: Path) -> dict[str, Any]:
    where, rule = str(path), "is a checkpoint that torch can read"
    try:
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except MALFORMED as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise_all(path, [Problem(where, rule, reason)])
    rule = f"holds {', '.join(sorted(PARTS))}"
    if not isinstance(content, dict) or content.keys() != PARTS:
        keys = ", ".join(map(str, content)) if isinstance(content, dict) else type(content).__name__
        raise_all(path, [Problem(where, rule, keys)])
    wrong = [
        Problem(f"{where}: {name}", f"holds {what}", type(content[name]).__name__)
        for name, what, right in (
            ("params", "named values", _is_named(content["params"])),
            ("nn_state_dict", "named tensors", _is_state(content["nn_state_dict"])),
        )
        if not right
    ]
    raise_all(path, wrong)
    return dict(content)


def _is_named(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(name, str) for name in value)


def _is_state(value: Any) -> bool:
    return _is_named(value) and all(isinstance(tensor, Tensor) for tensor in value.values())


def _neurons(path: Path, told: Any) -> tuple[int, ...]:
    if not isinstance(told, list) or not told or any(type(n) is not int or n < 1 for n in told):
        rule = "lists the number of neurons of each mouse"
        raise_all(path, [Problem(f"{path}: nn_module.readout_outputs", rule, str(told))])
    return tuple(told)


def _config(path: Path, flat: Mapping[str, Any]) -> RunConfig:
    """Of the tiers and folds that the winner trained with."""
    fold = fold_of(path)
    data = {"tiers": ["train", "oracle"], "folds": FOLDS, "fold": fold or 0}
    try:
        return load_config({"network": network_settings(flat), "data": data}, str(path))
    except ConfigurationError as error:
        problems = [Problem(f"{path}: {p.where}", p.rule, p.found) for p in error.problems]
        raise ProblemsFound(str(path), problems, error.remedy) from error


def _misfits(
    path: Path,
    config: RunConfig,
    neurons: tuple[int, ...],
    state: Mapping[str, Tensor],
    size: tuple[int, int],
) -> Iterator[Problem]:
    """Weights that are missing, too many, or of another shape than the parameters make them."""
    mice = [Mouse.of_size(str(index), count) for index, count in enumerate(neurons)]
    with torch.device("meta"):
        wanted = build(config.network, mice, size).state_dict()
    given = with_readouts(state, range(len(neurons)), neurons)
    for name in sorted(wanted.keys() | given.keys()):
        expected, found = _shape(wanted.get(name)), _shape(given.get(name))
        if expected != found:
            yield Problem(f"{path}: nn_state_dict", f"{name} (our name) is {expected}", found)


def _shape(tensor: Tensor | None) -> str:
    return "absent" if tensor is None else "x".join(map(str, tensor.shape)) or "one number"
