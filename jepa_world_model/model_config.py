"""Every setting, its default and its limits, in five tables: [losses] [train] [model] [data] [alarms].

A sixth, [accept], sets nothing: it says which findings of a check are intended.

This is the only declaration of settings: training, checks, the JSON Schema and the documentation are made from it.
It is read without torch. `LossWeights` and `Alarms` are made from the declarations of losses and vitals: a new loss
brings its weight along, a new vital its bounds.
"""

from collections.abc import Mapping
from dataclasses import asdict, field
from math import lcm
from typing import Annotated, Any, Literal, TypeVar, dataclass_transform

from pydantic import AfterValidator, ConfigDict, Field, ValidationError, ValidationInfo, WrapValidator, model_validator
from pydantic.dataclasses import dataclass

from jepa_world_model.errors import nearest
from jepa_world_model.losses import LOSSES, Loss
from jepa_world_model.phases import Phase, perception_losses, why_not_separate
from jepa_world_model.picture_fit import Fit
from jepa_world_model.presets import PresetName
from jepa_world_model.record import record
from jepa_world_model.rules import RULES
from jepa_world_model.vitals import BOUNDS

MOST_THREADS, MOST_LAYERS, LARGEST_PATCH = 1024, 16, 64

Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Limit = Annotated[float, Field(ge=0)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Whole = Annotated[int, Field(lt=2**63)]
Count = Annotated[Whole, Field(ge=1)]
PatchSize = Annotated[Whole, Field(ge=1, le=LARGEST_PATCH)]
Widths = Annotated[tuple[Count, ...], Field(min_length=1, max_length=MOST_LAYERS)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]

FOR_RULES = "for rules"
"""Context of a validation that leaves to the rules of a check what they report as errors."""

IMAGE_STEP = 8
SMALLEST_IMAGE = 16

T = TypeVar("T")


def _in_a_check_any_number(value: Any, checked: Any, info: ValidationInfo) -> float:
    try:
        return checked(value)
    except ValidationError as error:
        if info.context != FOR_RULES or error.errors()[0]["type"] not in ("greater_than_equal", "finite_number"):
            raise
        return float(value)


def _encodable(text: str) -> str:
    if not text.isascii() and text.encode("utf-8", "replace").decode() != text:
        raise ValueError("expected text that is valid UTF-8")
    return text


def _reason(text: str) -> str:
    if not text.strip():
        raise ValueError(f"expected the reason in words, found {text!r}")
    return text


def _known_rule(id: str) -> str:
    if id not in RULES:
        raise ValueError(f"there is no such rule: {nearest(id, RULES)}")
    return id


def _known_module(name: str) -> str:
    if name not in record().modules:
        raise ValueError(f"there is no module {name!r}: {nearest(name, record().modules)}")
    return name


ModuleName = Annotated[str, AfterValidator(_known_module)]
LossWeight = Annotated[Weight, WrapValidator(_in_a_check_any_number)]
Text = Annotated[str, AfterValidator(_encodable)]
Reason = Annotated[Text, AfterValidator(_reason), Field(json_schema_extra={"minLength": 1})]
RuleId = Annotated[str, AfterValidator(_known_rule)]


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(field,))
def settings(table: type[T]) -> type[T]:
    """A dataclass whose values are checked and whose unknown keys are refused."""
    checked = ConfigDict(extra="forbid", validate_default=True, defer_build=True)  # built when first used
    return dataclass(table, frozen=True, kw_only=True, config=checked)  # pyright: ignore[reportReturnType]


def table_of(name: str, keys: Mapping[str, tuple[Any, float]], base: type) -> Any:
    """A table with a key for each declaration: its type and its default."""
    values = {key: default for key, (_, default) in keys.items()}
    types = {key: kind for key, (kind, _) in keys.items()}
    return settings(
        type(name, (base,), {**values, "__annotations__": types, "__doc__": base.__doc__, "__module__": __name__})
    )


class _Weights:
    """[losses] One weight for each declared loss; zero switches it off."""

    @model_validator(mode="after")
    def _some_loss_is_enabled(self, info: ValidationInfo) -> "_Weights":
        if not self.enabled and info.context != FOR_RULES:
            raise ValueError(
                "every weight is zero, so nothing would be trained; give at least one loss a positive weight"
            )
        return self

    @property
    def enabled(self) -> dict[str, float]:
        """Losses with a positive weight."""
        return {name: weight for name, weight in asdict(self).items() if weight}  # pyright: ignore[reportArgumentType]


LossWeights: Any = table_of("LossWeights", {loss.name: (LossWeight, loss.weight) for loss in LOSSES.values()}, _Weights)


@settings
class ModelConfig:
    """[model] Sizes and shapes of the fourteen modules, and the gate that belongs to them.

    Attributes:
        image_size: Side of the square frames, in pixels. A multiple of 8, and of 2 to the power of the number of layers
            of encoder and decoder; with patches of twice their side instead.
        encoder_widths: Channels of the encoder's convolutions, each of which halves the image. The last one is Dz, the
            width of z.
        encoder_patch_size: Side of the patches, in pixels, that the first of these convolutions takes for pixels of
            many channels. 1 has none.
        decoder_widths: Channels of the decoder's layers, from the image inwards. Each of them doubles the image; with
            patches they are the layers of an MLP that draws each patch.
        decoder_patch_size: Side of the patches, in pixels, that the decoder draws as a whole. 1 has none.
        h_dim: Dh, the width of h.
        pose_dim: Dp, the width of p. By default Dh.
        hidden_width: Width of the hidden layer of every MLP.
        mean_frame: Encoder and decoder see and draw what differs from the mean frame of the training data, so that
            small moving things count.
        predictor_spectral_norm: Spectral norm on the predictor's layers, so that errors do not grow in a rollout.
        delta_layer_norm: LayerNorm on the states that the increments are computed from.
        pose_delta_detach_h: Gate: h is stop-grad where it feeds the pose increments.
    """

    image_size: Annotated[Whole, Field(ge=SMALLEST_IMAGE)] = 64
    encoder_widths: Widths = (32, 64, 128, 256)
    encoder_patch_size: PatchSize = 1
    decoder_widths: Widths = (32, 64, 64, 128)
    decoder_patch_size: PatchSize = 1
    h_dim: Count = 256
    pose_dim: Count | None = None
    hidden_width: Count = 512
    mean_frame: bool = False
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
        """What the image size must be a multiple of: an even number of patches, or one halving a layer; and whole
        patches for the pyramids."""
        encoder, decoder = (
            2 * patch if patch > 1 else 2 ** len(widths)
            for patch, widths in (
                (self.encoder_patch_size, self.encoder_widths),
                (self.decoder_patch_size, self.decoder_widths),
            )
        )
        return lcm(encoder, decoder, IMAGE_STEP)

    @model_validator(mode="after")
    def _divisible(self) -> "ModelConfig":
        if self.image_size % self.stride:
            lower = self.image_size // self.stride * self.stride
            sizes = " or ".join(str(size) for size in (lower, lower + self.stride) if size)
            raise ValueError(f"image_size {self.image_size} is not a multiple of {self.stride}; use {sizes}")
        return self


@settings
class TrainConfig:
    """[train] How the model is trained, and the two gates that belong to training.

    Attributes:
        steps: Optimizer steps of the run.
        batch_size: Windows in a batch, of all processes together.
        sequence_length: T, the frames of a window.
        rollout_horizon: K, how many steps a rollout imagines.
        learning_rate: Learning rate of AdamW after the warm-up. It falls by a cosine until the last step.
        learning_rate_floor: Share of the learning rate that is left at the last step.
        perception_share: This share of the steps trains encoder and decoder alone, before everything else; then z of
            every frame is computed once, and the other losses are trained on that. 0 trains all losses together. More
            needs the gate detach_z_from_h_and_p to be closed.
        perception_batch_size: Windows in a batch of these first steps.
        perception_sequence_length: Frames of a window in these first steps.
        perception_learning_rate: Learning rate of these first steps; it too rises and falls.
        weight_decay: Weight decay of AdamW.
        warmup_steps: Steps in which the learning rate rises linearly.
        gradient_clip: Norm that the gradient is clipped to.
        seed: Seed of the weights, and of the batches that are drawn.
        init: Run folder whose weights training starts from; empty for new weights.
        freeze: Modules that are not trained. Where encoder and decoder are frozen and perception_share is not 0, all
            steps are trained on z that is computed once.
        device: Where to train. auto takes CUDA where there is one, else MPS, else the CPU.
        precision: Precision of the forward pass. auto is bfloat16 where a GPU supports it, else float32.
        threads: CPU threads. 0 takes half of the cores, 8 at most.
        deterministic: On a GPU, use algorithms that give the same bits each time.
        channels_last: Memory format of the convolutions.
        compile: torch.compile for encoder and decoder.
        accumulate: Parts that a batch is split into, for less memory. Batch statistics are then those of a part.
        log_every: Steps from one writing of metrics to the next.
        validate_every: Steps from one validation on held-out windows to the next.
        checkpoint_every_steps: Steps from one checkpoint to the next.
        keep_checkpoints: How many of the last checkpoints are kept.
        detach_z_from_h_and_p: Gate: z is stop-grad where it feeds the predictor and the rollouts of h and p.
        detach_decoder: Gate: z is stop-grad where it feeds the decoder.
    """

    steps: Count = 1000
    batch_size: Annotated[Whole, Field(ge=2)] = 8  # batch norm needs something to compare
    sequence_length: Annotated[Whole, Field(ge=2)] = 8
    rollout_horizon: Count = 3
    learning_rate: Positive = 1e-3
    learning_rate_floor: Annotated[float, Field(ge=0, le=1)] = 0.1
    perception_share: Annotated[float, Field(ge=0, lt=1)] = 0.0
    perception_batch_size: Annotated[Whole, Field(ge=2)] = 64
    perception_sequence_length: Count = 1
    perception_learning_rate: Positive = 3e-3
    weight_decay: Weight = 1e-2
    warmup_steps: Annotated[Whole, Field(ge=0)] = 20
    gradient_clip: Positive = 1.0
    seed: Seed = 0
    init: Text = ""
    freeze: tuple[ModuleName, ...] = ()
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    threads: Annotated[Whole, Field(ge=0, le=MOST_THREADS)] = 0
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
    def _horizon_fits(self, info: ValidationInfo) -> "TrainConfig":
        if self.rollout_horizon >= self.sequence_length and info.context != FOR_RULES:
            raise ValueError(
                f"rollout_horizon {self.rollout_horizon} needs windows of at least {self.rollout_horizon + 1} frames, "
                f"sequence_length is {self.sequence_length}"
            )
        return self

    @model_validator(mode="after")
    def _batch_divides(self) -> "TrainConfig":
        sizes = {"batch_size": self.batch_size}
        if self.perception_share:
            sizes["perception_batch_size"] = self.perception_batch_size
        for name, size in sizes.items():
            if size % self.accumulate or size == self.accumulate:
                raise ValueError(
                    f"accumulate {self.accumulate} must divide {name} {size} into parts of 2 windows or more"
                )
        return self


@settings
class DataConfig:
    """[data] What is trained on: an embedded world, or a file or folder in a known format.

    Attributes:
        source: grid-rooms, grid-loops, or the path of a data set: see data_format.md for the formats.
        episodes: Number of episodes of an embedded world.
        episode_length: Frames of an episode of an embedded world.
        validation_fraction: Fraction of the episodes that is held out. 0 holds out none.
        action_kind: Kind of the actions. auto takes what the data set says, or infers it from the values.
        normalise_actions: Real actions are seen by the model minus the mean of their column, over its standard
            deviation, of the training episodes. Choices and buttons always stay as they are.
        cameras: Cameras of a data set that has several, stacked on the channels in this order; none takes the first.
        proprioception: Arrays of the data, such as positions of joints, that the encoder sees beside each frame; see
            what jepa data show lists as truth. They are normalised.
        fit: How pictures that are not square are made so. letterbox adds black, crop cuts the longer side, stretch
            changes the proportions.
        strict: Refuse data that training would warn of, such as frames that never change.
        seed: Seed of an embedded world, and of the choice of held-out episodes.
    """

    source: Text = "grid-rooms"
    episodes: Count = 200
    episode_length: Annotated[Whole, Field(ge=2)] = 64
    validation_fraction: Annotated[float, Field(ge=0, lt=1)] = 0.1
    action_kind: Literal["auto", "multi-hot", "one-hot", "real"] = "auto"
    normalise_actions: bool = True
    cameras: tuple[Text, ...] = ()
    proprioception: tuple[Text, ...] = ()
    fit: Fit = "letterbox"
    strict: bool = False
    seed: Seed = 0


class _Bounds:
    """[alarms] Bounds; a value that crosses one is reported once. 0 below and inf above never report."""


Alarms: Any = table_of("Alarms", {bound.key: (Limit, bound.default) for bound in BOUNDS}, _Bounds)


@settings
class Config:
    """All five tables, the preset that they started from, and what was accepted of them."""

    preset: PresetName = "reference"
    """Of the settings that were not given."""
    losses: LossWeights = field(default_factory=LossWeights)  # pyright: ignore[reportInvalidTypeForm]
    train: TrainConfig = field(default_factory=TrainConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    alarms: Alarms = field(default_factory=Alarms)  # pyright: ignore[reportInvalidTypeForm]
    accept: dict[RuleId, Reason] = field(default_factory=dict)
    """[accept] Findings of `jepa check-weights` that are intended: id of the rule to the reason."""

    @property
    def enabled(self) -> dict[Loss, float]:
        """Losses with a positive weight, in the order of their declaration."""
        return {LOSSES[name]: weight for name, weight in self.losses.enabled.items()}

    @property
    def phases(self) -> tuple[Phase, ...]:
        """The phases in their order. The first begins at step 0, the last ends with the run.

        A phase whose modules are all frozen is left out, and the other one has all steps.
        """
        train, routing = self.train, record().routing(self.gates)
        own = (train.batch_size, train.sequence_length, train.learning_rate)

        def trains(losses: Mapping[Loss, float]) -> bool:
            return any(set(routing.updates[loss.name]) - set(train.freeze) for loss in losses)

        if not train.perception_share:
            return (Phase("joint", 0, train.steps, self.enabled, *own),) if trains(self.enabled) else ()
        seeing = set(perception_losses(routing, self.losses.enabled))
        perception = {loss: weight for loss, weight in self.enabled.items() if loss.name in seeing}
        dynamics = {loss: weight for loss, weight in self.enabled.items() if loss.name not in seeing}
        early = max(1, round(train.steps * train.perception_share)) if trains(perception) else 0
        early = min(early, train.steps - 1) if trains(dynamics) else train.steps * bool(early)
        first = (train.perception_batch_size, train.perception_sequence_length, train.perception_learning_rate)
        phases = (
            Phase("perception", 0, early, perception, *first),
            Phase("dynamics", early, train.steps, dynamics, *own, embedded=True),
        )
        return tuple(phase for phase in phases if phase.last > phase.first)

    @property
    def gates(self) -> dict[str, bool]:
        """By gate: whether it is closed."""
        return {gate: getattr(getattr(self, key.partition(".")[0]), gate) for gate, key in record().gates.items()}

    @model_validator(mode="after")
    def _phases_are_separate(self, info: ValidationInfo) -> "Config":
        reason = self._why_not_separate()
        if reason and info.context != FOR_RULES:
            raise ValueError(
                f"train.perception_share = {self.train.perception_share:g}: {reason}; train all losses together "
                "(--set train.perception_share=0), or close train.detach_z_from_h_and_p and switch such losses off"
            )
        return self

    @model_validator(mode="after")
    def _something_is_trained(self, info: ValidationInfo) -> "Config":
        if info.context != FOR_RULES and self.enabled and not self.phases:
            raise ValueError(
                "train.freeze: every module that an enabled loss updates is frozen, so nothing would be trained"
            )
        return self

    def _why_not_separate(self) -> str:
        routing = record().routing(self.gates)
        return why_not_separate(routing, self.losses.enabled) if self.train.perception_share else ""

    @model_validator(mode="after")
    def _long_enough(self, info: ValidationInfo) -> "Config":
        short = [line for phase in self.phases for loss in phase.losses for line in self._too_short_for(loss, phase)]
        if short and info.context != FOR_RULES:
            raise ValueError("; ".join(short))
        return self

    def _too_short_for(self, loss: Loss, phase: Phase) -> list[str]:
        window = "perception_sequence_length" if phase.name == "perception" else "sequence_length"
        needs = ((window, loss.frames), ("rollout_horizon", loss.horizon))
        return [
            f"loss {loss.name!r} needs train.{name} >= {least}, found {getattr(self.train, name)} "
            f"(or switch it off: losses.{loss.name} = 0)"
            for name, least in needs
            if getattr(self.train, name) < least
        ]
