"""How a network is trained, as a user sets it."""

from typing import Annotated, Literal

from pydantic import Field

from models.strict import Strict

Part = Annotated[float, Field(ge=0, le=1)]


class TrainingConfig(Strict):
    """AdamW with linear warm-up and cosine decay, an average of the weights, CutMix."""

    epochs: int = Field(default=21, ge=1)
    """The full budget: a run that has trained this many epochs is complete."""
    clips_per_epoch: int = Field(default=72_000, ge=1)
    batch_size: int = Field(default=32, ge=1)
    learning_rate: float = Field(default=2.4e-3, gt=0)
    weight_decay: float = Field(default=0.05, ge=0)
    warmup: Part = 3 / 21
    """Share of the steps in which the learning rate rises."""
    final_learning_rate: Part = 0.01
    """Learning rate that the cosine ends at, as a share of the highest."""
    ema_decay: float = Field(default=0.999, ge=0, lt=1)
    """Decay a step of the moving average of the weights, which is what is validated and kept."""
    cutmix_probability: Part = 0.5
    cutmix_alpha: float = Field(default=1.0, gt=0)
    gradient_clip: float | None = Field(default=None, gt=0)
    """Largest norm of the gradient of a step."""
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    """auto is bf16 on a GPU that has it, fp16 on another one, fp32 on a CPU."""
    device_cache: Literal["auto", "on", "off"] = "auto"
    """Whether the recordings are copied to the GPU: auto where they take no more than 60 % of its
    free memory. Otherwise clips are drawn ahead into pinned memory. No result depends on it."""
