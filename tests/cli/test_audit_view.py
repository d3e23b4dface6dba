"""What an audit looks like on a terminal of 80 columns without colour, compared with the files in `audit_view/`.

After a change that is meant to alter them: python -m tests.cli.test_audit_view
"""

import json
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path

import pytest
from rich.console import Console

from audits.contract import Comparison
from audits.drift import Drift, DriftKind, Row
from audits.errors import AuditError
from audits.places import Place, Stop, StopKind
from audits.result import Audit, Cell, Flow, Setting, Status
from jepa_cli.audit.view import explain, show, show_table

GOLDEN = Path(__file__).with_name("audit_view")
SPEC = json.loads((Path(__file__).parents[1] / "spec" / "gradient_flow.json").read_text())
DEFAULTS = {"detach_z_from_h_and_p": True, "detach_decoder": False, "pose_delta_detach_h": True}
GATE = Place("jepa_world_model/states.py", 88, "jepa_world_model.states", "States.z_for_dynamics", "stop(value)")
SEED = Place("jepa_world_model/losses/embedding.py", 14, "jepa_world_model.losses.embedding", "jepa", "sg_z")
STOPS = (Stop(GATE, StopKind.DETACH, "detach_z_from_h_and_p"), Stop(SEED, StopKind.DETACH))
NOTE = "no lock file docs/gradient_flow.lock.json: stops and path counts are not compared, --update writes one"


def cell(loss: str, module: str, updates: bool) -> Cell:
    if not updates:
        stops = STOPS if module == "encoder" else ()
        return Cell(loss, module, Status.ABSENT, 0, 0, 8, 0.0, 0.0, 0, stops, "; ".join(map(str, stops)))
    return Cell(loss, module, Status.LIVE, 1_440, 8, 8, 0.0123, 0.5)


def flow(gates: dict[str, bool], updates: dict[str, list[str]]) -> Flow:
    cells = {
        (loss, module): cell(loss, module, module in updated)
        for loss, updated in updates.items()
        for module in SPEC["modules"]
    }
    return Flow(Setting(gates, DEFAULTS), cells, dict.fromkeys(updates, STOPS))


def world_model() -> Audit:
    """All losses, all modules, all eight settings of the gates."""
    flows = [flow(setting["gates"], setting["updates"]) for setting in SPEC["settings"]]
    flows.sort(key=lambda flow: len(flow.setting.changed))
    losses, modules = tuple(SPEC["settings"][0]["updates"]), tuple(SPEC["modules"])
    return Audit("jepa", {"frames": 6, "K": 4}, losses, modules, tuple(flows), ("decided in float64, 2 seeds",))


def small() -> Audit:
    """Every status; names too long for half of a terminal."""
    losses = ("fit", "a_loss_whose_name_alone_is_wider_than_half_of_a_terminal")
    modules = ("encoder", "ẑ_head", "a.module.name.that.is.wider.than.half.of.a.terminal", "tail")
    statuses = iter(Status)
    cells = {
        (loss, module): Cell(loss, module, next(statuses), 2**200, 1, 2, reason="the checks disagree: ẑ")
        for loss in losses
        for module in modules
    }
    return Audit("toy", {}, losses, modules, (Flow(Setting({}, {}), cells, {}),))


def drifted() -> Comparison:
    audit = world_model()
    everywhere = tuple(flow.setting.label for flow in audit.flows)
    closed = tuple(label for label in everywhere if "detach_decoder" in label)
    row = Row("docs/gradient_flow.md", 41)
    path = "path: jepa <- MseLossBackward0 <- sg_z (jepa_world_model/losses/embedding.py:14) <- encoder.layers.3.weight"
    lost = Drift(
        DriftKind.STOP_GONE, everywhere, "jepa", "", f"cut at {SEED.key}", "no cut", "it is in the lock file",
        "Restore the stop, or run with --update and review the diff.", None, row,
    )  # fmt: skip
    leaking = Drift(
        DriftKind.UNEXPECTED, everywhere, "jepa", "encoder", "no update of encoder", "live", path,
        "Restore the stop on this path, or add encoder to the column Updates.", SEED, row,
    )  # fmt: skip
    missing = Drift(
        DriftKind.MISSING, closed, "recon", "decoder", "updates decoder", "absent", f"cut at {GATE} (gate decoder)",
        "Remove the stop.", GATE,
    )  # fmt: skip
    return Comparison(audit, (lost, leaking, missing), (NOTE,))


def many_drifts() -> Comparison:
    comparison = drifted()
    drifts = tuple(replace(comparison.drifts[2], loss=f"loss_{number}") for number in range(25))
    return replace(comparison, audit=small(), drifts=drifts)


SCREENS: dict[str, Callable[[Console], None]] = {
    "documented": lambda console: show(Comparison(world_model(), (), ()), console),
    "drifts": lambda console: show(drifted(), console),
    "many_drifts": lambda console: show(many_drifts(), console),
    "table": lambda console: show_table(Comparison(small(), (), ()), console),
    "explained": lambda console: explain(world_model(), "jepa", "encoder", console),
    "explained_without_path": lambda console: explain(world_model(), "recon", "z_to_h", console),
    "explained_reason": lambda console: explain(small(), "fit", "tail", console),
}


def on_terminal(screen: str, width: int = 80) -> str:
    console = Console(width=width, file=StringIO(), color_system=None)
    with console.capture() as capture:
        SCREENS[screen](console)
    return capture.get()


def in_ascii(screen: str, width: int = 80) -> str:
    """As a terminal shows it that has only ASCII."""
    file = TextIOWrapper(BytesIO(), encoding="ascii")
    SCREENS[screen](Console(width=width, file=file, color_system=None))
    file.flush()
    return file.buffer.getvalue().decode("ascii")  # type: ignore[attr-defined]


@pytest.mark.parametrize("screen", SCREENS)
def test_a_screen_is_as_it_was(screen: str) -> None:
    assert on_terminal(screen) == (GOLDEN / f"{screen}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("screen", ["drifts", "table"])
def test_an_ascii_screen_is_as_it_was(screen: str) -> None:
    assert in_ascii(screen) == (GOLDEN / f"{screen}_ascii.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("width", [30, 50, 80, 200])
@pytest.mark.parametrize("screen", SCREENS)
def test_nothing_is_wider_than_the_terminal_and_nothing_is_cut_off(screen: str, width: int) -> None:
    for shown in (on_terminal(screen, width), in_ascii(screen, width)):
        assert max(map(len, shown.splitlines())) <= width
        assert all(line == line.rstrip() for line in shown.splitlines())
        assert "…" not in shown


@pytest.mark.parametrize("width", [30, 80])
def test_reasons_and_places_are_whole_at_any_width(width: int) -> None:
    shown = "".join(on_terminal("drifts", width).split())
    for drift in drifted().drifts:
        for part in (drift.reason, drift.remedy, drift.expected, str(drift.place or drift.row)):
            assert "".join(part.split()) in shown


def test_the_marks_need_no_colour() -> None:
    lines = on_terminal("drifts").splitlines()
    assert next(line for line in lines if line.startswith("jepa *")).split()[2:5] == ["[·]", "·", "●"]
    assert "[" not in next(line for line in lines if line.startswith("h2z"))


def test_columns_that_do_not_fit_go_below() -> None:
    lines = on_terminal("documented", 50).splitlines()
    rows = [line for line in lines if line.startswith("scale_dp")]
    assert len(rows) > 1
    assert [glyph for row in rows for glyph in row.split()[1:]] == ["·"] * 6 + ["●"] + ["·"] * 6


def test_only_glyphs_that_occur_are_explained() -> None:
    assert "idle" not in on_terminal("documented")
    of_a_target = set(Status) - {Status.UNPROVEN}  # which one run of a script alone can be
    assert all(status in on_terminal("table") for status in of_a_target)


def test_markup_in_names_and_reasons_is_text() -> None:
    comparison = drifted()
    drift = replace(comparison.drifts[1], reason="z[bold]0[/bold] [link=x]:smile:", loss="[red]jepa")
    console = Console(width=80, file=StringIO(), color_system=None)
    with console.capture() as capture:
        show(replace(comparison, drifts=(drift,)), console)
    assert "z[bold]0[/bold] [link=x]:smile:" in capture.get()
    assert "[red]jepa: encoder: unexpected" in capture.get()


@pytest.mark.parametrize(
    ("loss", "module", "message"),
    [
        ("jeppa", "encoder", "expected loss of jepa, found 'jeppa': did you mean 'jepa'?"),
        ("jepa", "encodr", "expected module of jepa, found 'encodr': did you mean 'encoder'?"),
    ],
)
def test_an_unknown_cell_is_named(loss: str, module: str, message: str) -> None:
    with pytest.raises(AuditError) as caught:
        explain(world_model(), loss, module, Console(file=StringIO()))
    assert str(caught.value) == message


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for screen in SCREENS:
        (GOLDEN / f"{screen}.txt").write_text(on_terminal(screen), encoding="utf-8")
    for screen in ("drifts", "table"):
        (GOLDEN / f"{screen}_ascii.txt").write_text(in_ascii(screen), encoding="utf-8")


def test_many_causes_are_at_most_a_screenful() -> None:
    """Four in full, a line for each of eight more, and how many are left."""
    drift = drifted().drifts[2]
    drifts = tuple(replace(drift, loss=f"loss_{n}", expected=f"updates decoder_{n}") for n in range(30))
    console = Console(width=80, file=StringIO(), color_system=None)
    with console.capture() as capture:
        show(Comparison(small(), drifts, ()), console)
    shown = capture.get()
    below = shown[shown.index("loss_0: ") :].splitlines()
    assert len(below) <= 60
    assert [f"loss_{n}: decoder: missing" in shown for n in range(30)] == [True] * 12 + [False] * 18
    assert "and 18 more drifts" in shown
