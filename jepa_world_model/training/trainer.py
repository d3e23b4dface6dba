"""A model, the losses and the optimizer of the phase that it is in; one step of training."""

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from inspect import signature
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel as Spread

from jepa_world_model import processes
from jepa_world_model.data import EpisodeSource, split_episodes
from jepa_world_model.data.action_scale import action_scale, proprioception_statistics
from jepa_world_model.data.windows import Batch, WindowSampler
from jepa_world_model.model import WorldModel
from jepa_world_model.model_config import Config
from jepa_world_model.phases import PERCEPTION, Phase, phase_at
from jepa_world_model.training.divergence import Guard
from jepa_world_model.training.metrics import MetricRow
from jepa_world_model.training.objective import LossesOfBatch, Objective, reached_parameters
from jepa_world_model.training.runtime import Runtime

FIRST_WINDOWS = 64
MEAN_WINDOWS = 512
"""Windows, spread evenly over the data, that the mean frame and the statistics of a trained encoder are taken from."""
_NEW, _OLD = "forward_sync_buffers", "broadcast_buffers"
OWN_BUFFERS: dict[str, Any] = {_NEW if _NEW in signature(Spread).parameters else _OLD: False}
"""DDP need not send buffers around: all processes compute the same. The option has a new name in new versions."""


class Trainer:
    """A model, and the losses, batches and optimizer of the phase that it is in.

    A new one is in the first phase. A phase that is trained on z begins when `embed` gives it.
    """

    def __init__(
        self,
        config: Config,
        source: EpisodeSource,
        runtime: Runtime,
        initial: Callable[[WorldModel], None] | None = None,
    ) -> None:
        """`initial` gives the model its first weights, if it shall have none of its own.

        Raises UserError when the data cannot be split, no window is long enough, or a batch cannot be shared.
        """
        train = config.train
        self.config, self.source, self.runtime = config, source, runtime
        training, held_out = split_episodes(source, config.data.validation_fraction, config.data.seed)
        self.held_out = held_out if len(held_out) else training
        self.training = training
        self.validation = WindowSampler(source, self.held_out, train.batch_size, train.sequence_length, train.seed)
        self.phases = config.phases

        self.model = WorldModel(config.model, source.spec).to(runtime.device)
        if train.channels_last:
            self.model.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        self.whole = Objective(config, runtime.device)
        """All enabled losses, for validation."""
        self.model.resting = frozenset(train.freeze)
        if initial:
            initial(self.model)
        else:
            scale = action_scale(source, training) if config.data.normalise_actions else None
            if scale:
                self.model.normalise_actions(scale.mean, scale.spread)
            if source.spec.proprioception_width:
                bodies = proprioception_statistics(source, training)
                self.model.encoder.proprioception.normalise(bodies.mean, bodies.spread)
            if config.model.mean_frame:
                self.model.set_mean_frame(self._mean_frame())
            self.model.encoder.standardise(*self._seen(FIRST_WINDOWS))
        self._reached = {phase: self._reached_by(phase) for phase in self.phases}
        if train.compile:
            for name in PERCEPTION:
                self.model.get_submodule(name).compile()
        self.done = 0
        self.enter(self.phases[0])

    def enter(self, phase: Phase) -> None:
        """Prepare for the steps of a phase, with a new optimizer."""
        self.phase, self.parameters = phase, self._reached[phase]
        self.objective = Objective(self.config, self.runtime.device, phase.losses)
        self.model.requires_grad_(False)
        for parameter in self.parameters:
            parameter.requires_grad_(True)
        self.optimizer = torch.optim.AdamW(
            self.parameters, lr=phase.learning_rate, weight_decay=self.config.train.weight_decay, fused=True
        )
        self.guard = Guard(self.optimizer, self.runtime.device)
        self.remember_buffers()
        if not phase.embedded:
            self._begin(None)

    def embed(self, embeddings: Callable[[int], np.ndarray]) -> None:
        """Begin a phase that is trained on z: `embeddings` gives z [T, Dz] of an episode."""
        self._begin(embeddings)

    @property
    def trained_modules(self) -> list[str]:
        """The modules that some enabled loss reaches; the others stay out of the optimizer."""
        return self._modules(self.phases)

    @property
    def trained_so_far(self) -> list[str]:
        """Those of the present phase and the ones before it."""
        return self._modules(self.phases[: self.phases.index(self.phase) + 1])

    @property
    def parameter_count(self) -> int:
        """Numbers that are trained, in whatever phase."""
        every = {id(each): each.numel() for phase in self.phases for each in self._reached[phase]}
        return sum(every.values())

    @property
    def named_parameters(self) -> dict[str, nn.Parameter]:
        """Those that are trained in this phase."""
        reached = set(map(id, self.parameters))
        return {name: parameter for name, parameter in self.model.named_parameters() if id(parameter) in reached}

    def next_phase(self) -> Phase | None:
        """The phase of the next step; None at the end of the run."""
        return None if self.done >= self.phases[-1].last else phase_at(self.phases, self.done + 1)

    def settle_statistics(self) -> None:
        """Set the encoder's running statistics from many frames: those of training follow its last few batches."""
        if "encoder" not in self.model.resting:
            self.model.encoder.standardise(*self._seen(MEAN_WINDOWS))
            self.remember_buffers()

    def step(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """One update. Returns the losses [L], their weighted sum and the norm of its gradient, all on the device.

        With several processes `batch` is this one's share; what is returned is of the joint batch.
        """
        for group in self.optimizer.param_groups:
            group["lr"] = self._learning_rate()
        self.optimizer.zero_grad()
        losses = self._backward(batch)
        norm = nn.utils.clip_grad_norm_(self.parameters, self.config.train.gradient_clip)
        self.guard.watch(losses, norm)
        self.optimizer.step()
        self.done += 1
        return losses, self.objective.total(losses), norm

    def remember_buffers(self) -> None:
        """Those of a state that is known to be good."""
        self._good_buffers = [buffer.clone() for buffer in self.model.buffers()]

    def restore_buffers(self) -> None:
        """Running statistics are written by the forward pass, where the guard cannot hold them back."""
        for buffer, good in zip(self.model.buffers(), self._good_buffers, strict=True):
            buffer.copy_(good)

    def culprits(self, broken: MetricRow) -> list[str]:
        """The losses that are not finite; if all are, those whose gradient is not, each backpropagated alone."""
        values = [name for name, value in broken.losses.items() if not math.isfinite(value)]
        return values or self._with_broken_gradient(self.sampler.batch(broken.step - 1))

    def _begin(self, embeddings: Callable[[int], np.ndarray] | None) -> None:
        self.sampler = WindowSampler(
            self.source,
            self.training,
            self.phase.batch_size,
            self.phase.sequence_length,
            self.config.train.seed,
            shares=processes.count(),
            share=processes.rank(),
            embeddings=embeddings,
        )
        self._losses = self._losses_of_batch()
        if isinstance(self._losses, Spread):
            self._settle_buckets()

    def _modules(self, phases: Iterable[Phase]) -> list[str]:
        reached = {id(parameter) for phase in phases for parameter in self._reached[phase]}
        return [name for name, module in self.model.named_children() if reached & set(map(id, module.parameters()))]

    def _backward(self, batch: Batch) -> Tensor:
        """Gradients of the weighted sum, in as many parts as `train.accumulate` says. Returns the losses [L]."""
        parts, losses = self.config.train.accumulate, []
        for number, part in enumerate(batch.split(parts)):
            last = number == parts - 1
            with nullcontext() if last or not isinstance(self._losses, Spread) else self._losses.no_sync():
                with self.runtime.autocast():
                    losses.append(self._losses(part))
                (self.objective.total(losses[-1]) / parts).backward()
        mean = losses[0] if parts == 1 else torch.stack(losses).mean(dim=0)
        return processes.mean(mean.detach())

    def _losses_of_batch(self) -> nn.Module:
        """Batch to losses [L]; with several processes, under DDP, which averages the gradients of all."""
        module = LossesOfBatch(self.model, self.objective)
        if processes.count() == 1:
            return module
        devices = [self.runtime.device] if self.runtime.device.type == "cuda" else None
        return Spread(module, device_ids=devices, gradient_as_bucket_view=True, **OWN_BUFFERS)

    def _settle_buckets(self) -> None:
        """Let DDP see one backward pass, after which it keeps the order of its gradient buckets.

        A sum over three or more processes is rounded by the place of a number in its bucket. Without this, the first
        step after a resumption would be summed in another order than the same step of a run in one go.
        """
        with torch.random.fork_rng():
            self._backward(self.sampler.batch(0))
        self.optimizer.zero_grad()
        self.restore_buffers()

    def _with_broken_gradient(self, batch: Batch) -> list[str]:
        culprits = []
        for number, name in enumerate(self.objective.names):  # a pass for each: a compiled graph goes backward once
            loss = self.objective.each(self.objective.states(self.model, batch))[number]
            gradients = torch.autograd.grad(loss, self.parameters, allow_unused=True)
            if not all(gradient.isfinite().all() for gradient in gradients if gradient is not None):
                culprits.append(f"the gradient of {name}")
        return culprits or ["the gradient of the weighted sum"]

    def _windows(self, count: int) -> Iterator[Batch]:
        """Training windows, evenly spread over the data."""
        train = self.config.train
        sampler = WindowSampler(self.source, self.training, train.batch_size, train.sequence_length, train.seed)
        return sampler.sequential(count)

    def _seen(self, windows: int) -> tuple[Tensor, Tensor | None]:
        """Frames [B, T, C, H, W], and proprioception [B, T, P] if there is one."""
        batches = [(self.whole.frames(batch), self.whole.body(batch)) for batch in self._windows(windows)]
        bodies = [s for _, s in batches if s is not None]
        return torch.cat([x for x, _ in batches]), torch.cat(bodies) if bodies else None

    def _mean_frame(self) -> Tensor:
        """[C, H, W]"""
        every = map(self.whole.frames, self._windows(MEAN_WINDOWS))
        means = [(frames.flatten(0, 1).mean(dim=0), len(frames)) for frames in every]
        return torch.stack([mean * count for mean, count in means]).sum(dim=0) / sum(count for _, count in means)

    def _reached_by(self, phase: Phase) -> list[nn.Parameter]:
        """The parameters that some loss of a phase reaches, by the graph of one window; the others are left out.

        Left out, they wait for no gradient: DDP need not look for them. Model and random state stay as they were.
        """
        batch = next(self.validation.sequential(1))
        objective = Objective(self.config, self.runtime.device, phase.losses)
        self.model.eval()
        with torch.random.fork_rng(), processes.by_itself():
            total = objective.total(objective(objective.states(self.model, batch)))
        self.model.train()
        frozen = {id(each) for name in self.model.resting for each in self.model.get_submodule(name).parameters()}
        return [parameter for parameter in reached_parameters(self.model, total) if id(parameter) not in frozen]

    def _learning_rate(self) -> float:
        """Linear warm-up, then a cosine to the floor, in each phase."""
        phase, warm_up, floor = self.phase, self.config.train.warmup_steps, self.config.train.learning_rate_floor
        done = self.done - phase.first
        if done < warm_up:
            return phase.learning_rate * (done + 1) / warm_up
        return phase.learning_rate * (
            (1 + floor) / 2 + (1 - floor) / 2 * math.cos(math.pi * phase.progress(self.done, warm_up))
        )
