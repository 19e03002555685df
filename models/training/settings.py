"""How a network is trained, as a user sets it."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from models.strict import Strict

Part = Annotated[float, Field(ge=0, le=1)]


class TrainingConfig(Strict):
    """AdamW with warm-up and a schedule, an average of the weights, CutMix."""

    epochs: int = Field(default=21, ge=1)
    """The full budget: a run that has trained this many epochs is complete."""
    clips_per_epoch: int = Field(default=72_000, ge=1)
    """A multiple of batch_size, or what is left over is not drawn."""
    batch_size: int = Field(default=32, ge=1)
    """Clips of a step."""
    micro_batch: int | None = Field(default=None, ge=1)
    """Clips that the device works on at once, whose gradients are added up to the batch's; None is
    the whole batch. Batch normalisation sees only these clips."""
    loss: Literal["poisson", "poisson_correlation"] = "poisson"
    """poisson_correlation adds correlation_weight * (1 - correlation), with the correlation over the
    frames of a clip and its mean over neurons."""
    correlation_weight: float = Field(default=1000.0, ge=0)
    """What a correlation of 1 takes off a clip's Poisson loss, which is summed over neurons."""
    loss_scale: Literal["mean", "organisers"] = "mean"
    """mean is over the clips of a batch. organisers is the sum over the B clips times sqrt(N / B) with
    the N training trials of a mouse, mean over mice. It matters beside a network's own penalty, which
    is added once a step."""
    learning_rate: float = Field(default=2.4e-3, gt=0)
    """The highest, of what belongs to one mouse; of the rest too unless core_learning_rate is set."""
    core_learning_rate: float | None = Field(default=None, gt=0)
    """The highest, of what all mice share; None is learning_rate."""
    weight_decay: float = Field(default=0.05, ge=0)
    """Of matrices and kernels; biases, norms and other vectors do not decay."""
    core_weight_decay: float | None = Field(default=None, ge=0)
    """Of what all mice share; None is weight_decay."""
    schedule: Literal["cosine", "plateau", "constant"] = "cosine"
    """What follows the warm-up. plateau multiplies the learning rates by 0.3 where the validation
    score has not improved for more than plateau_patience epochs."""
    warmup: Part = 3 / 21
    """Share of the steps in which the learning rate rises."""
    final_learning_rate: Part = 0.01
    """Learning rate that cosine ends at and plateau does not go below, as a share of the highest."""
    plateau_patience: int = Field(default=5, ge=0)
    """Epochs without a better score that plateau lets pass."""
    early_stop: int | None = Field(default=None, ge=1)
    """Epochs without a better score after which the run ends, complete; None is never."""
    keep: Literal["last", "best"] = "last"
    """The epoch whose averaged weights are kept; they predict the held-out trials, and its score is
    the run's."""
    ema_decay: float = Field(default=0.999, ge=0, lt=1)
    """Decay a step of the moving average of the weights, which is what is validated and kept."""
    cutmix_probability: Part = 0.5
    """Chance of a clip to get a box of another clip of its mouse."""
    cutmix_alpha: float = Field(default=1.0, gt=0)
    """The box's share of the area is drawn from Beta(alpha, alpha)."""
    gradient_clip: float | None = Field(default=None, gt=0)
    """Largest norm of the gradient of a step."""
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    """auto is bf16 on a GPU that has it, fp16 on another one, fp32 on a CPU."""
    channels_last: bool = False
    """Whether kernels, and so films, lie in memory with their channels last."""
    compile: bool = False
    """Whether what all mice share is compiled: a slower first step, then faster ones."""
    checkpoint_minutes: float = Field(default=10.0, ge=0)
    """A checkpoint is written at each epoch's end, and within it after so many minutes without one."""
    device_cache: Literal["auto", "on", "off"] = "auto"
    """Whether the recordings are copied to the GPU: auto where they take no more than 60 % of its
    free memory. Otherwise clips are drawn ahead into pinned memory. No result depends on it."""

    @model_validator(mode="after")
    def _check_together(self) -> "TrainingConfig":
        broken = [*self._broken_rules()]
        if broken:
            raise ValueError("; ".join(broken))
        return self

    def _broken_rules(self) -> list[str]:
        """What is wrong with fields beside each other."""
        broken = []
        if self.micro_batch is not None and self.micro_batch > self.batch_size:
            broken.append(
                f"micro_batch is at most batch_size ({self.batch_size}); found {self.micro_batch}"
            )
        patience = self.plateau_patience if self.schedule == "plateau" else 0
        if self.early_stop is not None and self.early_stop <= patience:
            broken.append(
                f"early_stop is above plateau_patience ({patience}), or the learning rate is never "
                f"lowered; found {self.early_stop}"
            )
        return broken
