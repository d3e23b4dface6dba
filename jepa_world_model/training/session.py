"""One session of a run: steps, metrics, validations, alarms and checkpoints, until the end or a request to stop."""

import time
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from signal import SIGINT, Signals

from audits.files import CannotWrite
from jepa_world_model import processes
from jepa_world_model.data.prefetch import prefetch
from jepa_world_model.errors import UserError
from jepa_world_model.losses import LOSSES
from jepa_world_model.phases import Phase
from jepa_world_model.training.alarms import Alarm, Watch
from jepa_world_model.training.divergence import Diverged
from jepa_world_model.training.embeddings import embeddings_of, forget_embeddings
from jepa_world_model.training.metrics import Metrics
from jepa_world_model.training.observer import Observer, StopTraining
from jepa_world_model.training.outcome import Outcome
from jepa_world_model.training.run_folder import RunFolder
from jepa_world_model.training.sealed import sealed
from jepa_world_model.training.signals import DeferredSignals
from jepa_world_model.training.state import checkpoint_of, config_facts
from jepa_world_model.training.trainer import Trainer
from jepa_world_model.training.validation import Validation, validate

VALIDATION_WINDOWS = 64


class Session:
    """Trains into a run folder, starting at the trainer's step. With several processes only the first writes."""

    def __init__(self, trainer: Trainer, run: RunFolder, observer: Observer, outcome: Outcome | None = None) -> None:
        """`outcome` is that of earlier sessions."""
        self.trainer, self.run, self.observer = trainer, run, observer
        self.outcome = outcome or Outcome()
        self._train = trainer.config.train
        self._metrics = Metrics(trainer.objective.names)
        self._watch = Watch(vars(trainer.config.alarms), self.outcome.reported)
        self._ends = {phase.last for phase in trainer.phases}
        self._writes = processes.is_first()
        self._settled = trainer.done
        """The last step whose metrics and validation are written: a checkpoint of another would leave a gap."""

    def fit(self) -> Outcome:
        """Train to the end, or until a signal asks to stop.

        Raises Diverged, UserError, or a StopTraining of the observer; the last good state is on disk then.
        """
        start = time.monotonic()
        with DeferredSignals(patient=processes.count() > 1) as signals:
            try:
                self._fit(signals)
            except Diverged:
                self._save_weights(self.run.weights)
                raise
            except CannotWrite as refusal:
                raise CannotWrite(f"{refusal}{self._how_to_go_on()}") from refusal
            except (UserError, StopTraining):
                if self._settled == self.trainer.done:
                    with suppress(UserError):
                        self._save()
                raise
            except RuntimeError as error:
                if processes.count() > 1 and processes.is_loss_of_peer(error):
                    raise processes.PeerLost(f"another process ended{self._how_to_go_on()}") from error
                raise
            finally:
                self.outcome.steps = self.trainer.done
                self.outcome.seconds += time.monotonic() - start
        return self.outcome

    def _fit(self, signals: DeferredSignals) -> None:
        if not self.trainer.done:
            self._validate()
        elif self._writes:
            self._tidy()  # the process may have been killed before it did
        for step in self._steps(signals):
            logged, validated, saved = (self._due(step, every) for every in self._rhythms)
            if logged or validated or saved:
                self._record()
            if validated:
                self._validate()
            if saved:
                self._save()
            self._settled = step
            self.observer.on_step(self.trainer)
            if step < self._train.steps and self._asked_to_stop(signals, logged):
                self._leave()
                return

    @property
    def _rhythms(self) -> tuple[int, int, int]:
        return self._train.log_every, self._train.validate_every, self._train.checkpoint_every_steps

    def _due(self, step: int, every: int) -> bool:
        return step % every == 0 or step in self._ends

    def _asked_to_stop(self, signals: DeferredSignals, logged: bool) -> bool:
        """Whether to stop. Several processes must agree, which is slow: they do so when metrics are written."""
        if processes.count() == 1:
            self.outcome.signal = signals.signal
        elif logged:
            heard = processes.agreed(int(signals.signal or 0), self.trainer.runtime.device)
            self.outcome.signal = Signals(heard) if heard else None
        return self.outcome.signal is not None

    def _leave(self) -> None:
        """Save. If the user asked to stop, validate once more for the summary."""
        self._save()
        if self.outcome.signal == SIGINT:
            self._validate(due=False)

    def _steps(self, signals: DeferredSignals) -> Iterator[int]:
        trainer = self.trainer
        while phase := trainer.next_phase():
            if not self._begun(phase, signals):
                self.outcome.signal = signals.signal
                return
            with closing(prefetch(trainer.sampler.batch, range(trainer.done, phase.last))) as batches:
                for batch in batches:
                    values = trainer.step(batch)
                    self._metrics.add(trainer.done, *values)
                    yield trainer.done
        if self._writes:
            forget_embeddings(self.run.embeddings)

    def _begun(self, phase: Phase, signals: DeferredSignals) -> bool:
        """Begin a phase, or go on with it. Returns whether that was possible before a signal asked to stop."""
        trainer = self.trainer
        if trainer.phase is not phase:
            trainer.enter(phase)
        self._metrics = Metrics(trainer.objective.names)
        self.observer.on_phase(phase)
        if not phase.embedded:
            return True
        if trainer.done == phase.first:
            trainer.settle_statistics()
        progress, heard = self.observer.on_embedding, lambda: signals.signal is not None
        if (embeddings := embeddings_of(trainer, self.run.embeddings, progress, heard)) is None:
            return False
        trainer.embed(embeddings)
        return True

    def _how_to_go_on(self) -> str:
        """What is safe when nothing more can be written: the newest checkpoint, never the one in progress."""
        saved = max(self.run.checkpoints.steps(), default=0)
        return f". The run is safe up to step {saved}; then jepa train --resume {self.run.path} continues it"

    def _record(self) -> None:
        """Write the metrics of all steps since the last time. Raises Diverged where one was not finite."""
        rows = self._metrics.flush()
        broken = next((row for row in rows if not row.finite), None)
        good = [row for row in rows if broken is None or row.step < broken.step]
        alarms = {row.step: self._watch.look(row.step, {"gradient_norm": row.gradient_norm}) for row in good}
        if self._writes:
            lines = [(row.as_json(), *(alarm.as_json() for alarm in alarms[row.step])) for row in good]
            self.run.append_metrics([line for group in lines for line in group])
        self.observer.on_rows(good)
        self._tell(alarm for found in alarms.values() for alarm in found)
        if broken:
            culprits = self.trainer.culprits(broken)
            self.trainer.restore_buffers()
            raise Diverged(broken.step, culprits)
        self.trainer.remember_buffers()

    def _validate(self, *, due: bool = True) -> None:
        if not self._writes:
            return
        trainer = self.trainer
        batches, trained = trainer.validation.sequential(VALIDATION_WINDOWS), trainer.trained_so_far
        found = validate(trainer.model, trainer.whole, batches, trainer.runtime, step=trainer.done, trained=trained)
        self.outcome.validations[found.step] = found
        total = self._total(found)
        alarms = []
        if found.step:  # an untrained model has no vitals to lose
            values = {**found.vitals, "loss_growth": total / self._total_before()}
            alarms += self._watch.look(found.step, values, steps=self._train.steps)
        for name, value in found.losses.items() if not found.step else ():  # one that training brought to zero is done
            if not LOSSES[name].selective:
                alarms += self._watch.look(found.step, {"loss": value}, name)
        self.run.append_metrics([found.as_json(), *(alarm.as_json() for alarm in alarms)])
        if due and (self.outcome.best is None or total < self.outcome.best[0]):
            self.outcome.best = (total, found.step)
            self._save_weights(self.run.best)
        self.observer.on_validation(found)
        self._tell(alarms)

    def _tell(self, alarms: Iterable[Alarm]) -> None:
        for alarm in alarms:
            self.outcome.alarms.append(str(alarm))
            self.observer.on_alarm(alarm)

    def _total(self, found: Validation) -> float:
        """The weighted sum on held-out windows."""
        weights = self.trainer.config.losses.enabled
        return sum(weights[name] * value for name, value in found.losses.items())

    def _total_before(self) -> float:
        """The same before training."""
        return self._total(self.outcome.validations[min(self.outcome.validations)]) or 1.0

    def _save(self) -> None:
        """Metrics and weights first: a checkpoint promises that they are there."""
        self._record()
        if not self._writes or not self.trainer.done:
            return
        self._save_weights(self.run.weights)
        checkpoint = checkpoint_of(
            self.trainer,
            metrics_bytes=self.run.flush_metrics(),
            best=self.outcome.best,
            told=self._watch.reported,
            alarms=self.outcome.alarms,
        )
        self.run.checkpoints.save(self.trainer.done, checkpoint)
        self._tidy()

    def _tidy(self) -> None:
        due = partial(self._due, every=self._train.checkpoint_every_steps)
        self.run.checkpoints.tidy(due, self._train.keep_checkpoints)

    def _save_weights(self, path: Path) -> None:
        if self._writes:
            facts = {"step": self.trainer.done, "config": config_facts(self.trainer.config)}
            self.run.write(path, sealed(self.trainer.model.state_dict(), facts))
