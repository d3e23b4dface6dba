"""What a run does in addition to its steps: a checkpoint, a validation, an audit of --audit-every; each in steps.

python -m benchmarks.sitting
"""

import tempfile
from pathlib import Path

from benchmarks.pairs import compare
from benchmarks.training_step import stepper, trainer_of
from jepa_cli.train.audit import AuditWhileTraining
from jepa_world_model.training.observer import Observer
from jepa_world_model.training.run_folder import RunFolder
from jepa_world_model.training.session import Session

ROUNDS = 5


def main(rounds: int = ROUNDS) -> None:
    trainer = trainer_of()
    step = stepper(trainer, trainer.sampler.batch(0))
    step()
    with tempfile.TemporaryDirectory() as folder:
        run = RunFolder.create(Path(folder) / "run", trainer.config)
        session, auditor = Session(trainer, run, Observer()), AuditWhileTraining(1, lambda _: None)
        extras = {
            "checkpoint": session._save,
            "validation": session._validate,
            "audit": lambda: auditor.on_start(run, trainer),
        }
        for name, extra in extras.items():
            print(f"{name:12s} / step {compare(extra, step, rounds=rounds)}", flush=True)


if __name__ == "__main__":
    main()
