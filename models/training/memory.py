"""What a training does where the device's memory is too small for its batch."""

from typing import Any

import torch

from models.training.failure import TrainingFailed

REMEDY = "set a smaller training.micro_batch, training.batch_size or network"
REFUSALS = ("DefaultCPUAllocator: can't allocate memory", "CUDA error: out of memory")
"""Of the CPU's allocator, and of CUDA itself where other processes have taken all there is."""


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether the device, a GPU or the CPU's allocator, had no memory left."""
    refused = any(word in str(error) for word in REFUSALS)
    return isinstance(error, torch.OutOfMemoryError) or refused


class Portion:
    """How many clips the device works on at once; once in a training it may be halved."""

    def __init__(self, clips: int) -> None:
        self.first = self.clips = clips
        self.notes: list[str] = []
        """What a user should know of it."""

    def halve(self, when: str) -> None:
        """The memory was too small, in "step 7", say. Raises TrainingFailed where this does not help."""
        if self.clips == 1:
            raise TrainingFailed(f"out of memory in {when} with a single clip at once", REMEDY)
        if self.clips < self.first:
            sizes = f"{self.first} clips at once, and again with {self.clips}"
            raise TrainingFailed(f"out of memory with {sizes}, in {when}", REMEDY)
        self.clips //= 2
        self.notes.append(
            f"out of memory in {when} with {self.first} clips at once; going on with "
            f"{self.clips}. Batch normalisation, where there is any, now sees only these"
        )
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def state_dict(self) -> dict[str, Any]:
        """What a training that continues must know."""
        return {"clips": self.clips, "notes": list(self.notes)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state_dict()`."""
        self.clips, self.notes = state["clips"], list(state["notes"])
