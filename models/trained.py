"""A trained run, loaded from its folder to predict."""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from models.checkpoints import load_state
from models.config import InferenceConfig
from models.devices import usable_device
from models.errors import RunError
from models.inference import Predictor
from models.networks.network import Mouse, Network
from models.networks.registry import build
from models.recordings.arrays import held_video
from models.recordings.clips import downsampled
from models.recordings.session import Session
from models.runs import RunFolder, RunRecord

Array = npt.NDArray[np.float32]


class TrainedRun:
    """A run's network with its averaged weights; it predicts as the run did when it validated."""

    def __init__(
        self,
        folder: RunFolder,
        record: RunRecord,
        network: Network,
        inference: InferenceConfig | None = None,
    ) -> None:
        self.folder, self.record = folder, record
        how = inference or record.config.inference
        self._predictor = Predictor(network, record.config.network, how.stride, how.windows)

    @classmethod
    def open(
        cls, folder: Path, device: str = "auto", inference: InferenceConfig | None = None
    ) -> "TrainedRun":
        """Load config.json and weights.pt. Raises RunError for what is missing or does not fit.

        With `inference`, it predicts by this and not by what its configuration says.
        """
        place = usable_device(device)
        run = RunFolder(folder)
        record = run.record()
        network = _untrained(record)
        try:
            network.load_state_dict(load_state(run.weights))
        except RuntimeError as error:
            message = f"{run.weights} does not fit the network that {folder}/config.json describes"
            remedy = "The run was made by another version of the code; train it again."
            raise RunError(message, remedy) from error
        return cls(run, record, network.to(place), inference)

    @property
    def network(self) -> Network:
        """With the averaged weights, to evaluate."""
        return self._predictor.network

    def predict(self, session: Session, trial: int) -> Array:
        """(N, T) responses in raw units, in the order of `session.unit_ids`, for all valid frames.

        Raises RunError where the run was not trained on this mouse with these neurons.
        """
        return self.respond(session, session.video(trial), session.behaviour(trial))

    def predict_tier(self, session: Session, tier: str) -> Iterator[tuple[int, Array]]:
        """Each trial of a tier with its prediction, made when it is asked for.

        Raises RunError as `predict`, for a mouse that is not known at once.
        """
        self._index(session)
        return ((trial, self.predict(session, trial)) for trial in session.trials(tier))

    def respond(self, session: Session, video: Array, behaviour: Array) -> Array:
        """`predict` for a trial that is in memory: video (T, H, W) as on disk, behaviour (4, T).

        Several runs can so share one reading of a trial.
        """
        mouse = self._index(session)
        # As trials are held for training: the same numbers as in validation.
        held = torch.from_numpy(held_video(video)).to(self._predictor.device)
        frames = downsampled(held, self.record.config.data.downsample)
        if tuple(frames.shape[1:]) != self.record.frame_size:
            wanted = "x".join(map(str, self.record.frame_size))
            found = "x".join(map(str, frames.shape[1:]))
            message = f"{self.folder.path} sees frames of {wanted}; found {found} in {session.path}"
            raise RunError(message, f"Give the recordings it was trained on: {self.record.data}.")
        return self._predictor.predict(frames, behaviour, mouse)

    def _index(self, session: Session) -> int:
        """The mouse's place in the network."""
        known = self._mice.get(session.name)
        if known is None:
            names = ", ".join(self._mice)
            message = f"{self.folder.path} knows the mice {names}; found {session.name}"
        elif not np.array_equal(known[1], session.unit_ids):
            message = f"{self.folder.path} was trained on other neurons of {session.name}"
        else:
            return known[0]
        raise RunError(message, f"Give the recordings it was trained on: {self.record.data}.")

    @cached_property
    def _mice(self) -> dict[str, tuple[int, npt.NDArray[np.int64]]]:
        """Index and unit ids of each mouse."""
        mice = enumerate(self.record.mice)
        return {m.name: (index, np.array(m.unit_ids, dtype=np.int64)) for index, m in mice}


def _untrained(record: RunRecord) -> Network:
    """The run's network before its weights; what mice are like follows from the weights."""
    mice = [Mouse.of_size(mouse.name, len(mouse.unit_ids)) for mouse in record.mice]
    with torch.random.fork_rng(devices=[]):  # random weights that are replaced at once
        return build(record.config.network, mice, record.frame_size)
