"""The checkpoints of a run: the last few scheduled ones, and one made at an interruption."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from audits.files import explained, write_file
from jepa_world_model.runs.untrusted import checkpoint_files
from jepa_world_model.training.checkpoint_facts import check_facts
from jepa_world_model.training.sealed import Damaged, sealed, unsealed

NAME = "step-{step:08d}.safetensors"
SET_ASIDE = ".damaged"


class Checkpoint(NamedTuple):
    """The whole state of a run after a step."""

    tensors: Mapping[str, Tensor]
    facts: Mapping[str, Any]


class Checkpoints:
    """A folder of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def steps(self) -> dict[int, Path]:
        """All that are there, by step, the oldest first."""
        return checkpoint_files(self.folder)

    def set_aside(self) -> bool:
        """Whether a damaged one is kept."""
        return any(self.folder.glob(f"step-*{SET_ASIDE}"))

    def save(self, step: int, checkpoint: Checkpoint) -> None:
        """Write one, whole or not at all."""
        with explained(self.folder):
            self.folder.mkdir(exist_ok=True)
        write_file(self.folder / NAME.format(step=step), sealed(*checkpoint))

    def tidy(self, due: Callable[[int], bool], keep: int) -> None:
        """Remove all but the last `keep` scheduled ones.

        One made at an interruption stays until the next scheduled one.
        """
        there = self.steps()
        if there and due(max(there)):
            kept = [step for step in there if due(step)][-keep:]
            with explained(self.folder):
                for step in there.keys() - set(kept):
                    there[step].unlink()

    def newest(self, on_warning: Callable[[str], None]) -> Checkpoint | None:
        """The newest that is whole, or None if there never was one. A damaged one is set aside, with a warning.

        Raises Damaged when all are.
        """
        for step, file in reversed(self.steps().items()):
            try:
                found = Checkpoint(*unsealed(file))
                check_facts(found.facts, file)
                return found
            except Damaged as damage:
                with explained(file):
                    file.replace(file.with_name(file.name + SET_ASIDE))
                on_warning(f"{damage}; it was set aside, and one before step {step} is looked for")
        if self.set_aside():
            raise Damaged(f"{self.folder} holds no whole checkpoint, so the run cannot go on; nothing else was touched")
        return None
