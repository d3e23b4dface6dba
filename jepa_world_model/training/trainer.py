"""The training loop: batches -> states -> losses -> optimizer. It tells an observer, and keeps a run folder."""

import math
import time
from contextlib import closing
from dataclasses import dataclass, field
from typing import Protocol

import torch
from safetensors.torch import save
from torch import Tensor, nn

from jepa_world_model.data import EpisodeSource, split_episodes
from jepa_world_model.data.prefetch import prefetch
from jepa_world_model.data.windows import Batch, WindowSampler
from jepa_world_model.model import WorldModel
from jepa_world_model.model_config import Config
from jepa_world_model.training.divergence import Diverged, Guard
from jepa_world_model.training.metrics import Metrics, Row
from jepa_world_model.training.objective import Objective, reached_parameters
from jepa_world_model.training.run_folder import RunFolder
from jepa_world_model.training.runtime import Runtime
from jepa_world_model.training.validation import validate

VALIDATION_WINDOWS = 64
FIRST_WINDOWS = 64


class Observer(Protocol):
    """Whoever wants to watch a run."""

    def on_rows(self, rows: list[Row]) -> None:
        """A few steps are done."""

    def on_validation(self, step: int, losses: dict[str, float]) -> None:
        """The losses on held-out trajectories after `step` steps."""


@dataclass
class Outcome:
    """How a run went."""

    steps: int = 0
    seconds: float = 0.0
    interrupted: bool = False
    validations: dict[int, dict[str, float]] = field(default_factory=dict)


class Trainer:
    """A model, its enabled losses and its optimizer."""

    def __init__(self, config: Config, source: EpisodeSource, runtime: Runtime) -> None:
        """Raises UserError when the data cannot be split, or no window is long enough."""
        train = config.train
        self.config, self.source, self.runtime = config, source, runtime
        training, held_out = split_episodes(source, config.data.validation_fraction, config.data.seed)
        self.held_out = held_out if len(held_out) else training
        cut = (train.batch_size, train.sequence_length, train.seed)
        self.sampler = WindowSampler(source, training, *cut)
        self.validation = WindowSampler(source, self.held_out, *cut)

        self.model = WorldModel(config.model, source.spec).to(runtime.device)
        self.model.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        self.objective = Objective(config, runtime.device)
        self.model.encoder.standardise(self._first_frames())
        self.parameters = reached_parameters(self.model, self._probe())
        self.optimizer = torch.optim.AdamW(
            self.parameters, lr=train.learning_rate, weight_decay=train.weight_decay, fused=True
        )
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, self._learning_rate_factor)
        self.guard = Guard(self.optimizer, runtime.device)
        self._good_buffers = [buffer.clone() for buffer in self.model.buffers()]

    @property
    def trained_modules(self) -> list[str]:
        """The modules that some enabled loss reaches; the others stay out of the optimizer."""
        reached = set(map(id, self.parameters))
        return [name for name, module in self.model.named_children() if reached & set(map(id, module.parameters()))]

    def step(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """One update. Returns the losses [L], their weighted sum and the norm of its gradient, all on the device."""
        with self.runtime.autocast():
            losses = self.objective(self.objective.states(self.model, batch))
        total = self.objective.total(losses)
        self.optimizer.zero_grad()
        total.backward()
        norm = nn.utils.clip_grad_norm_(self.parameters, self.config.train.gradient_clip)
        self.guard.watch(losses, norm)
        self.optimizer.step()
        self.schedule.step()
        return losses, total, norm

    def fit(self, run: RunFolder, observer: Observer) -> Outcome:
        """Train to the end, or until the user interrupts. Raises Diverged; the last good weights are on disk then."""
        train, metrics, outcome = self.config.train, Metrics(self.objective.names), Outcome()
        start = time.monotonic()
        self._validate(run, observer, outcome)
        try:
            with closing(prefetch(self.sampler.batch, range(train.steps))) as batches:
                for step, batch in enumerate(batches, start=1):
                    metrics.add(step, *self.step(batch))
                    outcome.steps = step
                    if step % train.log_every == 0 or step == train.steps:
                        self._record(run, observer, metrics)
                    if step % train.validate_every == 0 or step == train.steps:
                        self._validate(run, observer, outcome)
        except KeyboardInterrupt:
            outcome.interrupted = True
            self._record(run, observer, metrics)
            self._validate(run, observer, outcome)
        finally:
            outcome.seconds = time.monotonic() - start
            self.save(run)
        return outcome

    def save(self, run: RunFolder) -> None:
        """Write the weights, whole or not at all."""
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in self.model.state_dict().items()}
        run.write(run.weights, save(tensors))

    def _record(self, run: RunFolder, observer: Observer, metrics: Metrics) -> None:
        rows = metrics.flush()
        broken = next((row for row in rows if not row.finite), None)
        good = [row for row in rows if broken is None or row.step < broken.step]
        run.append_metrics([row.as_json() for row in good])
        observer.on_rows(good)
        if broken:
            culprits = self._culprits(broken)
            self._restore_buffers()
            raise Diverged(broken.step, culprits)
        self._good_buffers = [buffer.clone() for buffer in self.model.buffers()]

    def _validate(self, run: RunFolder, observer: Observer, outcome: Outcome) -> None:
        losses = validate(self.model, self.objective, self.validation.sequential(VALIDATION_WINDOWS), self.runtime)
        run.append_metrics([{"split": "validation", "step": outcome.steps, "losses": losses}])
        outcome.validations[outcome.steps] = losses
        observer.on_validation(outcome.steps, losses)
        self.save(run)

    def _restore_buffers(self) -> None:
        """Running statistics are written by the forward pass, where the guard cannot hold them back."""
        for buffer, good in zip(self.model.buffers(), self._good_buffers, strict=True):
            buffer.copy_(good)

    def _culprits(self, broken: Row) -> list[str]:
        """The losses that are not finite; if all are, those whose gradient is not, each backpropagated alone."""
        values = [name for name, value in broken.losses.items() if not math.isfinite(value)]
        return values or self._with_broken_gradient(self.sampler.batch(broken.step - 1))

    def _with_broken_gradient(self, batch: Batch) -> list[str]:
        losses = self.objective.each(self.objective.states(self.model, batch))
        culprits = []
        for name, loss in zip(self.objective.names, losses, strict=True):
            gradients = torch.autograd.grad(loss, self.parameters, retain_graph=True, allow_unused=True)
            if not all(gradient.isfinite().all() for gradient in gradients if gradient is not None):
                culprits.append(f"the gradient of {name}")
        return culprits or ["the gradient of the weighted sum"]

    def _first_frames(self) -> Tensor:
        """Frames [B, T, C, H, W] of training windows, evenly spread over the data."""
        return torch.cat([self.objective.frames(batch) for batch in self.sampler.sequential(FIRST_WINDOWS)])

    def _probe(self) -> Tensor:
        """The weighted sum for one window, whose graph says what is reached. Leaves model and random state alone."""
        batch = next(self.validation.sequential(1))
        self.model.eval()
        with torch.random.fork_rng():
            total = self.objective.total(self.objective(self.objective.states(self.model, batch)))
        self.model.train()
        return total

    def _learning_rate_factor(self, step: int) -> float:
        """Linear warm-up, then a cosine to a tenth."""
        train = self.config.train
        if step < train.warmup_steps:
            return (step + 1) / train.warmup_steps
        progress = (step - train.warmup_steps) / max(1, train.steps - train.warmup_steps)
        return 0.55 + 0.45 * math.cos(math.pi * min(1.0, progress))
