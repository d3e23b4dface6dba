"""The same metrics as TensorBoard events."""

from jepa_world_model.errors import UserError
from jepa_world_model.training.metrics import Row
from jepa_world_model.training.run_folder import RunFolder


class TensorBoard:
    """An observer that writes events and passes everything on."""

    def __init__(self, observer) -> None:
        """Raises UserError when TensorBoard is not installed."""
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as missing:
            raise UserError("--tensorboard needs TensorBoard: pip install 'jepa-cli[tensorboard]'") from missing
        self._observer, self._new_writer = observer, SummaryWriter

    def on_decoding(self, done: int, total: int) -> None:
        self._observer.on_decoding(done, total)

    def on_start(self, run: RunFolder, trainer) -> None:
        self._writer = self._new_writer(run.tensorboard)
        self._observer.on_start(run, trainer)

    def on_rows(self, rows: list[Row]) -> None:
        for row in rows:
            for name, value in {**row.losses, "total": row.total, "gradient_norm": row.gradient_norm}.items():
                self._writer.add_scalar(f"train/{name}", value, row.step)
        self._observer.on_rows(rows)

    def on_validation(self, step: int, losses: dict[str, float]) -> None:
        for name, value in losses.items():
            self._writer.add_scalar(f"validation/{name}", value, step)
        self._writer.flush()
        self._observer.on_validation(step, losses)
