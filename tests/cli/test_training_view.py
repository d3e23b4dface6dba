"""What training looks like while it runs."""

from io import StringIO

from rich.console import Console

from jepa_cli.train.view import BLOCKS, TREND, TrainingView, sparkline
from jepa_world_model.training.alarms import Alarm
from jepa_world_model.training.metrics import MetricRow
from jepa_world_model.training.validation import Validation
from jepa_world_model.vitals import BOUNDS


def test_a_sparkline_follows_its_values() -> None:
    assert sparkline([]) == ""
    assert sparkline([3.0, 3.0]) == BLOCKS[0] * 2
    falling = sparkline([float(value) for value in range(1000, 0, -1)])
    assert len(falling) == TREND
    assert (falling[0], falling[-1]) == (BLOCKS[-1], BLOCKS[0])
    assert sorted(falling, reverse=True) == list(falling)


def test_the_live_table_fits_80_columns_and_shows_every_loss() -> None:
    console = Console(width=80, file=StringIO(), force_terminal=True, color_system=None)
    view = TrainingView(console)
    view.follow(steps=10, weights={"jepa": 1.0, "rollout_recon_multi_box_delta_z": 0.5})
    for step in (1, 2):
        losses = {"jepa": 1.0 / step, "rollout_recon_multi_box_delta_z": 2.0}
        view.on_rows([MetricRow(step=step, losses=losses, total=2.0, gradient_norm=0.1)])
    view.on_validation(Validation(2, {"jepa": 0.25, "rollout_recon_multi_box_delta_z": 1.5}, {}))
    with console.capture() as capture:
        console.print(view.render())
    lines = capture.get().splitlines()
    assert max(map(len, lines)) <= 80
    shown = "\n".join(lines)
    for part in ("jepa", "rollout_recon_multi_box_delta_z", "0.25", "1.5", "2/10", "steps/s", "ETA"):
        assert part in shown


def test_alarms_and_warnings_fit_80_columns() -> None:
    console = Console(width=80, file=StringIO(), color_system=None)
    view = TrainingView(console)
    bound = next(bound for bound in BOUNDS if bound.measure == "z_effective_rank")
    with console.capture() as capture:
        view.on_alarm(Alarm(bound, 3.0, 75, 2.25))
        view.on_warning("runs/a/checkpoints/step-00000004.safetensors is damaged: " + "its checksum differs " * 5)
    lines = capture.get().splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].startswith("alarm       step 75: z_effective_rank = 2.25, below 3: z is collapsing")
    assert lines[1].startswith(" " * 12 + "vectors lie")
