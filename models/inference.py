"""Predictions for whole trials."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from models.networks.network import Network, NetworkConfig
from models.recordings.layout import HEIGHT, WIDTH
from models.training.memory import is_out_of_memory

PIXELS = HEIGHT * WIDTH
"""Of a frame of full size, for which the next two hold."""
CPU_FRAMES = 16
"""Frames of a batch on a CPU: for more, the system hands out memory anew in every layer."""
GPU_BYTES = 32 * 2**20
"""What a frame of a batch may take on a GPU: the widest layers of DwiseNeuro, and some more."""
MOST_FRAMES = 2048
"""Frames of a batch on any device, of any size."""


@dataclass(frozen=True)
class Clip:
    """What a windowed network sees at once: T = `frames`, every `step`-th of the trial.

    Of these the first `context` and the last `lookahead` lack history or future.
    """

    frames: int
    step: int = 1
    context: int = 0
    lookahead: int = 0

    @classmethod
    def of(cls, network: Network, config: NetworkConfig) -> "Clip":
        """At least one frame lacks nothing: what the network lacks beyond that does not count."""
        frames = config.clip_frames
        context = min(network.context, frames - 1)
        lookahead = min(network.lookahead, frames - 1 - context)
        return cls(frames, config.frame_step, context, lookahead)

    @property
    def width(self) -> int:
        """Frames of the trial from the first to the last that it sees."""
        return (self.frames - 1) * self.step + 1

    @property
    def reach(self) -> int:
        """Neighbouring frames of the trial that `step` neighbouring windows see properly, once."""
        return (self.frames - self.context - self.lookahead) * self.step

    def stride(self, windows: int) -> int:
        """The stride at which about so many windows see each frame properly."""
        return max(self.reach // windows, 1)


@dataclass(frozen=True)
class Window:
    """A clip of a trial: the trial's frame it starts at, and the clip's frames that count."""

    start: int
    counted: slice

    def seen(self, step: int) -> slice:
        """The trial's frames that are predicted by those that count."""
        first = self.start + self.counted.start * step
        return slice(first, self.start + (self.counted.stop - 1) * step + 1, step)


def window_starts(length: int, width: int, step: int, stride: int) -> list[int]:
    """First frames of windows over a trial of `length` >= `width` + `step` - 1 frames.

    Windows take every `step`-th frame, so `step` neighbouring starts cover each frame once. Such
    groups are spread evenly over the trial, the first at its start, the last at its end, at most
    `stride` frames apart. A stride up to `step` gives a window at every start, the winner's way.
    """
    last = length - width
    if stride <= step:
        return list(range(last + 1))
    last_group = last - step + 1
    gaps = -(-last_group // stride)
    groups = [gap * last_group // max(gaps, 1) for gap in range(gaps + 1)]
    return sorted({group + phase for group in groups for phase in range(step)})


def plan_windows(length: int, clip: Clip, stride: int) -> list[Window]:
    """The windows over a trial of `length` >= `clip.width` + `clip.step` - 1 frames, by start.

    Every frame counts in some window. Frames that lack history or future within a window count
    only where no window has more of it: at the start and at the end of the trial. A stride that
    would leave a frame without a proper window counts as the largest that does not.
    """
    starts = window_starts(length, clip.width, clip.step, min(stride, clip.reach))
    last_group = length - clip.width - clip.step + 1
    return [
        Window(
            start,
            slice(
                0 if start < clip.step else clip.context,
                clip.frames - (0 if start >= last_group else clip.lookahead),
            ),
        )
        for start in starts
    ]


def frames_at_once(device: torch.device, pixels: int) -> int:
    """Frames of so many pixels that a batch may hold; on a GPU by the memory that is free now."""
    of_full_size = CPU_FRAMES
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        fitting = max((free + kept) // GPU_BYTES, 1)
        # A power of two, so that a little more or less free memory does not change the last bits.
        of_full_size = 1 << (fitting.bit_length() - 1)
    return min(of_full_size * PIXELS // pixels, MOST_FRAMES)


class Predictor:
    """A trained network that predicts trials of any length, one at a time, in bounded memory.

    Beside the trial, memory holds one batch of windows and one (N, T) sum. Windows are added up by
    their starts whatever the batches are, so a prediction depends on their size by no more than the
    rounding within the network; on a CPU the same size gives the same bits.
    """

    def __init__(
        self,
        network: Network,
        config: NetworkConfig,
        stride: int | None = None,
        windows: int | None = None,
        batch_size: int | None = None,
    ) -> None:
        """`stride` or `windows` as in InferenceConfig; `batch_size`, by default, as memory allows."""
        self.network = network.eval()
        self.clip = Clip.of(network, config)
        self.stride = self.clip.stride(windows) if windows else stride or 1
        self.batch_size = batch_size
        """Windows; halved whenever the device's memory is too small for it."""

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return next(self.network.parameters()).device

    @torch.inference_mode()
    def predict(
        self,
        video: Tensor | npt.NDArray[np.floating],
        behaviour: npt.NDArray[np.floating],
        mouse: int,
    ) -> npt.NDArray[np.float32]:
        """(N, T) responses of the mouse of this index to video (T, H, W), behaviour (4, T)."""
        frames = torch.as_tensor(video, dtype=torch.float32, device=self.device)
        states = torch.as_tensor(behaviour, dtype=torch.float32, device=self.device)
        over = self._over_windows if self.network.windowed else self._over_phases
        return over(frames, states, mouse).cpu().numpy()

    def _over_phases(self, frames: Tensor, states: Tensor, mouse: int) -> Tensor:
        """Every `step`-th frame by itself, from each of the first `step` frames on."""
        step = self.clip.step
        phases = [
            self._forward(frames[None, phase::step], states[None, :, phase::step], mouse)[0]
            for phase in range(min(step, len(frames)))
        ]
        whole = phases[0].new_empty(len(phases[0]), len(frames))
        for phase, responses in enumerate(phases):
            whole[:, phase::step] = responses
        return whole

    def _over_windows(self, frames: Tensor, states: Tensor, mouse: int) -> Tensor:
        """The mean over the windows that a frame counts in."""
        length = len(frames)
        frames, states = self._long_enough(frames, states)
        total: Tensor | None = None
        count = torch.zeros(len(frames))
        for window, responses in self._windows(frames, states, mouse):
            if total is None:
                total = responses.new_zeros(len(responses), len(frames))
            seen = window.seen(self.clip.step)
            total[:, seen] += responses[:, window.counted]
            count[seen] += 1
        assert total is not None
        return total.div_(count.to(total.device))[:, :length]

    def _long_enough(self, frames: Tensor, states: Tensor) -> tuple[Tensor, Tensor]:
        """A trial shorter than the windows need goes on with its last frame."""
        missing = self.clip.width + self.clip.step - 1 - len(frames)
        if missing <= 0:
            return frames, states
        last_frames = frames[-1:].expand(missing, -1, -1)
        last_states = states[:, -1:].expand(-1, missing)
        return torch.cat([frames, last_frames]), torch.cat([states, last_states], dim=1)

    def _windows(
        self, frames: Tensor, states: Tensor, mouse: int
    ) -> Iterator[tuple[Window, Tensor]]:
        """Every window with its responses (N, T), by start."""
        plan = plan_windows(len(frames), self.clip, self.stride)
        if self.batch_size is None:
            at_once = frames_at_once(frames.device, frames[0].numel())
            self.batch_size = max(at_once // self.clip.frames, 1)
        while plan:
            batch = plan[: self.batch_size]
            responses = self._responses(frames, states, batch, mouse)
            if responses is not None:
                yield from zip(batch, responses, strict=True)
                plan = plan[len(batch) :]

    def _responses(
        self, frames: Tensor, states: Tensor, windows: Sequence[Window], mouse: int
    ) -> Tensor | None:
        """(B, N, T) of B windows; None, and smaller batches from now on, where memory is too small."""
        starts = torch.tensor([window.start for window in windows], device=frames.device)
        offsets = torch.arange(0, self.clip.width, self.clip.step, device=frames.device)
        index = starts[:, None] + offsets  # (B, T)
        try:
            return self._forward(frames[index], states[:, index].transpose(0, 1), mouse)
        except RuntimeError as error:
            if len(windows) == 1 or not is_out_of_memory(error):
                raise
        # Not in the handler: until it ends, the error holds on to what was computed.
        torch.cuda.empty_cache()
        self.batch_size = len(windows) // 2
        return None

    def _forward(self, video: Tensor, behaviour: Tensor, mouse: int) -> Tensor:
        prediction: Tensor = self.network(video, behaviour, [(mouse, slice(None))])[0]
        return prediction.float()
