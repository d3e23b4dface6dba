"""A model, its enabled losses and its optimizer; one step of training."""

import math
from contextlib import nullcontext
from functools import cached_property
from inspect import signature
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel as Spread

from jepa_world_model import processes
from jepa_world_model.data import EpisodeSource, split_episodes
from jepa_world_model.data.windows import Batch, WindowSampler
from jepa_world_model.model import WorldModel
from jepa_world_model.model_config import Config
from jepa_world_model.training.divergence import Guard
from jepa_world_model.training.metrics import MetricRow
from jepa_world_model.training.objective import LossesOfBatch, Objective, reached_parameters
from jepa_world_model.training.runtime import Runtime

FIRST_WINDOWS = 64
_NEW, _OLD = "forward_sync_buffers", "broadcast_buffers"
OWN_BUFFERS: dict[str, Any] = {_NEW if _NEW in signature(Spread).parameters else _OLD: False}
"""DDP need not send buffers around: all processes compute the same. The option has a new name in new versions."""
COMPILED = ("encoder", "decoder")


class Trainer:
    """A model, its enabled losses and its optimizer."""

    def __init__(self, config: Config, source: EpisodeSource, runtime: Runtime) -> None:
        """Raises UserError when the data cannot be split, no window is long enough, or a batch cannot be shared."""
        train = config.train
        self.config, self.source, self.runtime = config, source, runtime
        training, held_out = split_episodes(source, config.data.validation_fraction, config.data.seed)
        self.held_out = held_out if len(held_out) else training
        cut = (train.batch_size, train.sequence_length, train.seed)
        self.sampler = WindowSampler(source, training, *cut, shares=processes.count(), share=processes.rank())
        self.validation = WindowSampler(source, self.held_out, *cut)

        self.model = WorldModel(config.model, source.spec).to(runtime.device)
        if train.channels_last:
            self.model.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        self.objective = Objective(config, runtime.device)
        self.model.encoder.standardise(self._first_frames())
        self.parameters = self._reached()
        if train.compile:
            for name in COMPILED:
                self.model.get_submodule(name).compile()
        self.optimizer = torch.optim.AdamW(
            self.parameters, lr=train.learning_rate, weight_decay=train.weight_decay, fused=True
        )
        self.guard = Guard(self.optimizer, runtime.device)
        self.done = 0
        self._losses = self._losses_of_batch()
        self.remember_buffers()
        if isinstance(self._losses, Spread):
            self._settle_buckets()

    @property
    def trained_modules(self) -> list[str]:
        """The modules that some enabled loss reaches; the others stay out of the optimizer."""
        reached = set(map(id, self.parameters))
        return [name for name, module in self.model.named_children() if reached & set(map(id, module.parameters()))]

    @cached_property
    def named_parameters(self) -> dict[str, nn.Parameter]:
        """Those that are trained."""
        reached = set(map(id, self.parameters))
        return {name: parameter for name, parameter in self.model.named_parameters() if id(parameter) in reached}

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

    def _first_frames(self) -> Tensor:
        """Frames [B, T, C, H, W] of training windows, evenly spread over the data."""
        return torch.cat([self.objective.frames(batch) for batch in self.sampler.sequential(FIRST_WINDOWS)])

    def _reached(self) -> list[nn.Parameter]:
        """The parameters that some enabled loss reaches, by the graph of one window; the others are left out.

        Left out, they wait for no gradient: DDP need not look for them. Model and random state stay as they were.
        """
        batch = next(self.validation.sequential(1))
        self.model.eval()
        with torch.random.fork_rng(), processes.by_itself():
            total = self.objective.total(self.objective(self.objective.states(self.model, batch)))
        self.model.train()
        reached = reached_parameters(self.model, total)
        self.model.requires_grad_(False)
        for parameter in reached:
            parameter.requires_grad_(True)
        return reached

    def _learning_rate(self) -> float:
        """Linear warm-up, then a cosine to a tenth."""
        train = self.config.train
        if self.done < train.warmup_steps:
            return train.learning_rate * (self.done + 1) / train.warmup_steps
        progress = (self.done - train.warmup_steps) / max(1, train.steps - train.warmup_steps)
        return train.learning_rate * (0.55 + 0.45 * math.cos(math.pi * min(1.0, progress)))
