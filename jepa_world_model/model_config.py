"""Every setting, its default and its limits, in five tables: [losses] [train] [model] [data] [alarms].

A sixth, [accept], sets nothing: it says which findings of a check are meant.

`LossWeights` and `Alarms` are made from declarations: a new loss brings its weight along, a new vital its bounds.
"""

from dataclasses import asdict, field, make_dataclass
from typing import Annotated, Any, Literal, TypeVar, dataclass_transform

from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

from jepa_world_model.losses import LOSSES, Loss
from jepa_world_model.vitals import BOUNDS

Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Limit = Annotated[float, Field(ge=0)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
Widths = Annotated[tuple[Count, ...], Field(min_length=1)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]

IMAGE_STEP = 8
SMALLEST_IMAGE = 16

T = TypeVar("T")


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(field,))
def settings(table: type[T]) -> type[T]:
    """A dataclass whose values are checked and whose unknown keys are refused."""
    checked = ConfigDict(extra="forbid", validate_default=True)
    return dataclass(table, frozen=True, kw_only=True, config=checked)  # pyright: ignore[reportReturnType]


class _LossWeightsBase:
    """[losses] One weight for each declared loss; zero switches it off."""

    @model_validator(mode="after")
    def _some_loss_is_enabled(self) -> "_LossWeightsBase":
        if not self.enabled:
            raise ValueError(
                "every weight is zero, so nothing would be trained; give at least one loss a positive weight"
            )
        return self

    @property
    def enabled(self) -> dict[str, float]:
        """Losses with a positive weight."""
        return {name: weight for name, weight in asdict(self).items() if weight}  # pyright: ignore[reportArgumentType]


LossWeights: Any = settings(
    make_dataclass(
        "LossWeights",
        [(loss.name, Weight, field(default=loss.weight)) for loss in LOSSES.values()],
        bases=(_LossWeightsBase,),
        frozen=True,
        kw_only=True,
        namespace={"__doc__": _LossWeightsBase.__doc__, "__module__": __name__},
    )
)


@settings
class ModelConfig:
    """[model] Sizes and shapes of the thirteen modules, and the gate that belongs to them."""

    image_size: Annotated[int, Field(ge=SMALLEST_IMAGE)] = 64
    encoder_widths: Widths = (32, 64, 128, 256)
    decoder_widths: Widths = (32, 64, 64, 128)
    h_dim: Count = 256
    pose_dim: Count | None = None
    hidden_width: Count = 512
    predictor_spectral_norm: bool = True
    delta_layer_norm: bool = True
    pose_delta_detach_h: bool = True

    @property
    def z_dim(self) -> int:
        """Dz: the encoder pools its last feature map to one number a channel."""
        return self.encoder_widths[-1]

    @property
    def p_dim(self) -> int:
        """Dp: `pose_dim`, or Dh."""
        return self.pose_dim or self.h_dim

    @property
    def stride(self) -> int:
        """What the image size must be a multiple of: one halving a layer, and whole patches for the pyramids."""
        return max(2 ** max(len(self.encoder_widths), len(self.decoder_widths)), IMAGE_STEP)

    @model_validator(mode="after")
    def _divisible(self) -> "ModelConfig":
        if self.image_size % self.stride:
            lower = self.image_size // self.stride * self.stride
            sizes = " or ".join(str(size) for size in (lower, lower + self.stride) if size)
            raise ValueError(f"image_size {self.image_size} is not a multiple of {self.stride}; use {sizes}")
        return self


@settings
class TrainConfig:
    """[train] How the model is trained, and the two gates that belong to training."""

    steps: Count = 1000
    batch_size: Annotated[int, Field(ge=2)] = 8  # batch norm needs something to compare
    sequence_length: Annotated[int, Field(ge=2)] = 8
    rollout_horizon: Count = 3
    learning_rate: Positive = 1e-3
    weight_decay: Weight = 1e-2
    warmup_steps: Annotated[int, Field(ge=0)] = 20
    gradient_clip: Positive = 1.0
    seed: Seed = 0
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    threads: Annotated[int, Field(ge=0)] = 0
    deterministic: bool = True
    channels_last: bool = True
    compile: bool = False
    accumulate: Count = 1
    log_every: Count = 10
    validate_every: Count = 100
    checkpoint_every_steps: Count = 100
    keep_checkpoints: Count = 2
    detach_z_from_h_and_p: bool = True
    detach_decoder: bool = False

    @model_validator(mode="after")
    def _horizon_fits(self) -> "TrainConfig":
        if self.rollout_horizon >= self.sequence_length:
            raise ValueError(
                f"rollout_horizon {self.rollout_horizon} needs windows of at least {self.rollout_horizon + 1} frames, "
                f"sequence_length is {self.sequence_length}"
            )
        return self

    @model_validator(mode="after")
    def _batch_divides(self) -> "TrainConfig":
        if self.batch_size % self.accumulate or self.batch_size == self.accumulate:
            raise ValueError(
                f"accumulate {self.accumulate} must divide batch_size {self.batch_size} into parts of 2 windows or more"
            )
        return self


@settings
class DataConfig:
    """[data] What is trained on: an embedded world, or a folder."""

    source: str = "grid-rooms"
    episodes: Count = 200
    episode_length: Annotated[int, Field(ge=2)] = 64
    validation_fraction: Annotated[float, Field(ge=0, lt=1)] = 0.1
    action_kind: Literal["auto", "multi-hot", "one-hot", "real"] = "auto"
    seed: Seed = 0


Alarms: Any = settings(
    make_dataclass(
        "Alarms",
        [(bound.key, Limit, field(default=bound.default)) for bound in BOUNDS],
        frozen=True,
        kw_only=True,
        namespace={
            "__doc__": "[alarms] Bounds; a value that crosses one is told once. 0 below and inf above say nothing.",
            "__module__": __name__,
        },
    )
)

Reason = Annotated[str, Field(min_length=1)]


@settings
class Config:
    """All five tables, and what was accepted of them."""

    losses: LossWeights = field(default_factory=LossWeights)  # pyright: ignore[reportInvalidTypeForm]
    train: TrainConfig = field(default_factory=TrainConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    alarms: Alarms = field(default_factory=Alarms)  # pyright: ignore[reportInvalidTypeForm]
    accept: dict[str, Reason] = field(default_factory=dict)
    """[accept] Findings of `jepa check-weights` that are meant: id of the rule to the reason."""

    @property
    def enabled(self) -> dict[Loss, float]:
        """Losses with a positive weight, in the order of their declaration."""
        return {LOSSES[name]: weight for name, weight in self.losses.enabled.items()}

    @model_validator(mode="after")
    def _long_enough(self) -> "Config":
        short = [line for loss in self.enabled for line in self._too_short_for(loss)]
        if short:
            raise ValueError("; ".join(short))
        return self

    def _too_short_for(self, loss: Loss) -> list[str]:
        needs = (("sequence_length", loss.frames), ("rollout_horizon", loss.horizon))
        return [
            f"loss {loss.name!r} needs train.{name} >= {least}, found {getattr(self.train, name)} "
            f"(or switch it off: losses.{loss.name} = 0)"
            for name, least in needs
            if getattr(self.train, name) < least
        ]
