"""`jepa render-flow`: what it draws, where it writes, and what it says of mistakes."""

import json
import os
import re
import stat
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
import typer
from typer.testing import CliRunner, Result

from jepa_cli.app import app
from jepa_cli.terminal.command import BAD_INPUT
from jepa_world_model.config_file import load_config
from jepa_world_model.losses import LOSSES
from jepa_world_model.record import record
from tests.cli.audit_targets.command import complaint, contents

DRAWN = "gradient-flow"
ENABLED = len(load_config().enabled)
UPDATED = f"{ENABLED} losses, 10 of {len(record().modules)} modules updated"
"""By the losses that are enabled without a config."""
SMALL_TRAINER = ("--target", "trainers:audit_target")
WRITTEN = {"dot": "digraph", "mermaid": "flowchart LR", "text": "gradient flow of"}
BEGIN = {"svg": b"<svg", "png": b"\x89PNG", "pdf": b"%PDF", "html": b"<!doctype html>"}


def render(*arguments: str | Path, columns: int = 80) -> Result:
    return CliRunner(env={"COLUMNS": str(columns)}).invoke(app, ["render-flow", *map(str, arguments)])


def rendered(*arguments: str | Path) -> str:
    """What it prints when all goes well."""
    result = render(*arguments)
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    return result.stdout


def small(*arguments: str | Path) -> str:
    return rendered(*SMALL_TRAINER, *arguments)


def losses_in(dot: str) -> set[str]:
    """Those that have a box."""
    labels = re.findall(r"loss\w* \[label=<(.*?)> class=", dot)
    return {name for label in labels for name in re.split(r"<br[^>]*/>", label) if name}


@pytest.mark.slow
def test_without_options_it_draws_the_enabled_losses_as_svg(folder: Path) -> None:
    said = rendered()
    assert said == f"{DRAWN}.svg: {UPDATED}, at default\n"
    (file,) = folder.iterdir()
    root = ElementTree.fromstring(file.read_text(encoding="utf-8"))
    texts = {"".join(element.itertext()) for element in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {"encoder", "jepa", "gradient flow of jepa_world_model at default"} <= texts
    assert "sigreg" not in texts


@pytest.mark.parametrize("format", BEGIN)
def test_a_drawn_format_goes_to_a_file(format: str, trainers: Path) -> None:
    name = f"{DRAWN}.{format}"
    assert small("--format", format).startswith(f"{name}: 2 losses, 3 of 3 modules updated")
    assert (trainers / name).read_bytes().startswith(BEGIN[format])
    assert [file.name for file in trainers.iterdir()] == [name]


@pytest.mark.parametrize(
    ("format", "begin"), [("dot", "digraph"), ("mermaid", "flowchart LR"), ("text", "gradient flow of")]
)
def test_a_text_format_goes_to_standard_output(format: str, begin: str, trainers: Path) -> None:
    assert small("--format", format).startswith(begin)
    assert contents(trainers) == {}


ENDINGS = {
    "f.svg": b"<svg",
    "f.PNG": b"\x89PNG",
    "f.htm": b"<!doctype html>",
    "f.gv": b"digraph",
    "f.mmd": b"flowchart",
    "f.txt": b"gradient flow",
}


@pytest.mark.parametrize("name", ENDINGS)
def test_the_ending_of_a_file_says_the_format(name: str, trainers: Path) -> None:
    assert small("--out", name).startswith(f"{name}: 2 losses")
    assert (trainers / name).read_bytes().startswith(ENDINGS[name])


def test_a_file_of_any_name_where_the_format_is_given(trainers: Path) -> None:
    small("--out", "picture", "--format", "svg")
    assert (trainers / "picture").read_bytes().startswith(b"<svg")


def test_a_minus_is_standard_output(trainers: Path) -> None:
    assert small("--out", "-").startswith("<svg")
    assert contents(trainers) == {}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("losses", "expected"),
    [(["jepa"], ["jepa"]), (["z2h,jepa"], ["jepa", "z2h"]), (["scale_dp", "jepa"], ["jepa", "scale_dp"])],
    ids=str,
)
def test_losses_are_chosen_by_name(losses: list[str], expected: list[str], folder: Path) -> None:
    dot = rendered("--format", "dot", *(part for loss in losses for part in ("--losses", loss)))
    assert losses_in(dot) == set(expected)


@pytest.mark.slow
def test_enabled_losses_are_those_of_the_config(folder: Path) -> None:
    (folder / "my.toml").write_text("[losses]\njepa = 0\nsigreg = 1\n")
    found = losses_in(rendered("--format", "dot", "--config", "my.toml"))
    assert "sigreg" in found
    assert "jepa" not in found
    assert losses_in(rendered("--format", "dot", "--losses", "all")) == set(LOSSES)


@pytest.mark.slow
def test_gates_are_those_of_the_config_unless_given(folder: Path) -> None:
    def title(*arguments: str) -> str:
        return rendered("--format", "text", *arguments).splitlines()[0].partition(" at ")[2]

    closed = ("--set", "train.detach_decoder=true")
    assert title(*closed) == "detach_decoder=True"
    assert title(*closed, "--gates", "pose_delta_detach_h=false") == "detach_decoder=True, pose_delta_detach_h=False"
    assert title(*closed, "--gates", "default") == "default"


@pytest.mark.slow
def test_one_loss_that_is_named_alone_is_told_in_detail(folder: Path) -> None:
    detailed = rendered("--format", "text", "--losses", "jepa")
    assert re.search(r"embedding\.py:\d+, in jepa", detailed)
    assert detailed == rendered("--format", "text", "--losses", "jepa", "--view", "loss")
    assert "in jepa" not in rendered("--format", "text", "--losses", "jepa", "--view", "model")


@pytest.mark.slow
def test_text_fits_the_terminal(folder: Path) -> None:
    some = ["--losses", "jepa,recon_multi_box,rollout_recon_multi_box_delta_z"]
    for view in (["--losses", "all"], ["--view", "matrix", *some], ["--compare", "detach_decoder=True", *some]):
        lines = rendered("--format", "text", *view).splitlines()
        assert max(map(len, lines)) <= 80


@pytest.mark.slow
def test_a_heat_map(folder: Path) -> None:
    told = rendered("--view", "matrix", "--format", "text")
    assert re.search(r"^z2h .* 100 ", told, re.M)
    assert "updated by none of these losses: z_action_delta_projector" in told
    assert rendered("--view", "matrix", "--out", "m.svg").startswith(f"m.svg: {UPDATED}")
    assert "jepa: predictor: live" in (folder / "m.svg").read_text(encoding="utf-8")


@pytest.mark.slow
def test_what_a_setting_adds_beside_the_defaults(folder: Path) -> None:
    said = rendered("--set", "train.detach_z_from_h_and_p=false", "--compare", "default", "--out", "c.svg").splitlines()
    assert said[0] == f"c.svg: {UPDATED}, at detach_z_from_h_and_p=False"
    assert said[1:] == [
        "+ encoder: updated by jepa, h2z, action_delta_h, rollout_kstep_h, rollout_kstep_delta_h, action_delta_q, "
        "scale_q, apart_q, loop_q, inverse_dynamics_h"
    ]
    title = "gradient flow of jepa_world_model: train.detach_z_from_h_and_p=false compared with default"
    assert title in (folder / "c.svg").read_text(encoding="utf-8")


@pytest.mark.slow
def test_beside_another_config_and_beside_other_gates(folder: Path) -> None:
    (folder / "old.toml").write_text("[losses]\nsigreg = 0.1\n")
    said = rendered("--compare", "old.toml", "--out", "c.svg").splitlines()
    assert said[1:] == ["- encoder: no longer updated by sigreg"]
    said = rendered("--compare", "pose_delta_detach_h=False", "--losses", "scale_dp", "--out", "c.svg").splitlines()
    assert said[1:] == ["- predictor: no longer updated by scale_dp"]
    same = rendered("--compare", "default", "--losses", "jepa", "--out", "c.svg").splitlines()
    assert same[1:] == ["nothing changes compared with default"]


def test_another_trainer_beside_its_own_defaults(trainers: Path) -> None:
    said = small("--gates", "critic_trains_encoder=true", "--compare", "default", "--out", "c.svg").splitlines()
    assert said[1:] == ["+ encoder: updated by value"]


def test_against_a_document(trainers: Path) -> None:
    table = "| Loss | Updates |\n| --- | --- |\n| task | head |\n| value | critic |\n"
    (trainers / "FLOW.md").write_text(table)
    said = small("--against", "FLOW.md").splitlines()
    assert said[1:] == ["task: encoder: unexpected: expected does not update encoder, found live: 2 gradient paths"]
    assert "FLOW.md: 1 drift" in (trainers / f"{DRAWN}.svg").read_text(encoding="utf-8")
    (trainers / "FLOW.md").write_text(
        "| Loss | Updates |\n| --- | --- |\n| task | head, encoder |\n| value | critic |\n"
    )
    assert small("--against", "FLOW.md").splitlines()[1:] == ["FLOW.md: as documented"]


@pytest.mark.slow
def test_the_world_model_is_as_its_document_says(folder: Path) -> None:
    document = Path(__file__).parents[2] / "docs" / "gradient_flow.md"
    assert rendered("--losses", "all", "--against", document).splitlines()[1:] == [f"{document}: as documented"]


def page_data(file: Path) -> dict:
    text = file.read_text(encoding="utf-8")
    return json.loads(text.partition('id="data">')[2].partition("</script>")[0])


def test_a_page_has_a_picture_for_each_setting_and_begins_at_the_chosen_one(trainers: Path) -> None:
    assert "2 gate settings" in small("--out", "f.html")
    values = [sheet["values"]["critic_trains_encoder"] for sheet in page_data(trainers / "f.html")["sheets"]]
    assert values == ["False", "True"]
    small("--out", "f.html", "--gates", "critic_trains_encoder=True")
    assert len(page_data(trainers / "f.html")["sheets"]) == 1
    small("--out", "f.html", "--gates", "all")
    assert len(page_data(trainers / "f.html")["sheets"]) == 2


def test_a_page_of_a_comparison_has_one_picture(trainers: Path) -> None:
    small("--out", "f.html", "--compare", "critic_trains_encoder=True")
    assert len(page_data(trainers / "f.html")["sheets"]) == 1


@pytest.mark.slow
@pytest.mark.usefixtures("quick_pictures")
def test_a_trained_run(folder: Path, small_settings: list[str]) -> None:
    assert CliRunner().invoke(app, ["train", "--out", "run", *small_settings]).exit_code == 0
    assert rendered("--checkpoint", "run", "--out", "f.svg").startswith("f.svg: 14 losses, 9 of 14 modules")


WRONG = {
    "an unknown format": (["--format", "svgg"], "--format svgg: did you mean 'svg'?"),
    "an unknown view": (["--view", "matrx"], "--view matrx: did you mean 'matrix'?"),
    "an unknown loss": (["--losses", "jpea"], "there is no loss 'jpea': did you mean 'jepa'?"),
    "an unknown gate": (
        ["--gates", "detach_decodr=True"],
        "there is no gate 'detach_decodr': did you mean 'detach_decoder'?",
    ),
    "an unknown value": (["--gates", "detach_decoder=maybe"], "detach_decoder is one of False, True, found 'maybe'"),
    "a gate without a value": (["--gates", "detach_decoder"], "expected all, default or GATE=VALUE"),
    "no such folder": (["--out", "no/f.svg"], "--out no/f.svg: folder no does not exist"),
    "a folder": (["--out", "."], "--out .: expected a file, found a folder"),
    "an unknown ending": (["--out", "f.jpg"], "--out f.jpg: expected an ending that says the format"),
    "no ending": (["--out", "f"], "--out f: expected an ending that says the format"),
    "another ending": (["--out", "f.png", "--format", "svg"], "--out f.png is a file of the format png"),
    "a view of one loss without a loss": (["--view", "loss"], "expected --losses NAME, found none"),
    "a view of one loss with two": (["--view", "loss", "--losses", "jepa,h2z"], "found jepa, h2z"),
    "a heat map as mermaid": (["--view", "matrix", "--format", "mermaid"], "cannot be written as mermaid"),
    "all gates in one picture": (["--gates", "all"], "--format html shows all"),
    "two comparisons": (["--against", "a.md", "--compare", "default"], "at most one of --against and --compare"),
    "no such config": (["--config", "no.toml"], "config file no.toml does not exist"),
    "an unknown setting": (["--set", "losses.jpea=1"], "did you mean 'losses.jepa'?"),
    "nothing to compare with": (["--compare", "no.toml"], "expected default, a TOML file or GATE=VALUE"),
    "an unknown gate to compare with": (["--compare", "detach=True"], "--compare detach=True: there is no gate"),
    "no such document": (["--against", "no.md"], "no.md does not exist"),
    "no such run": (["--checkpoint", "no"], "no is not a run folder"),
    "a trainer and a config": (["--target", "a:b", "--config", "my.toml"], "which --config cannot configure"),
    "no such trainer": (["--target", "nowhere:f"], "there is no module 'nowhere'"),
}


@pytest.mark.parametrize(("arguments", "expected"), WRONG.values(), ids=WRONG)
def test_a_mistake_is_one_message_and_writes_nothing(arguments: list[str], expected: str, folder: Path) -> None:
    assert expected in complaint(render(*arguments))
    assert contents(folder) == {}


def test_mistakes_about_another_trainer(trainers: Path) -> None:
    assert "there is no loss 'tsk': did you mean 'task'?" in complaint(render(*SMALL_TRAINER, "--losses", "tsk"))
    assert "only the world model's config" in complaint(render(*SMALL_TRAINER, "--losses", "enabled"))
    assert "for another trainer expected default or GATE=VALUE" in complaint(
        render(*SMALL_TRAINER, "--compare", "x.toml")
    )
    assert contents(trainers) == {}


def test_a_file_that_cannot_be_replaced_is_as_before(trainers: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    (trainers / "f.svg").write_text("old")
    monkeypatch.setattr("audits.files.os.replace", refuse)
    assert complaint(render(*SMALL_TRAINER, "--out", "f.svg")) == "f.svg cannot be written: No space left on device"
    assert contents(trainers) == {"f.svg": b"old"}


def test_an_engine_that_fails_leaves_the_file_as_it_was(trainers: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: object) -> None:
        raise ValueError("out of ink")

    (trainers / "f.png").write_text("old")
    monkeypatch.setattr("pygraphviz.AGraph", fail)
    assert complaint(render(*SMALL_TRAINER, "--out", "f.png")) == "Graphviz could not draw png: out of ink"
    assert contents(trainers) == {"f.png": b"old"}


@pytest.fixture
def without_graphviz(trainers: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine that has neither the package nor the program."""
    (trainers / "bin").mkdir()
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    monkeypatch.setenv("PATH", str(trainers / "bin"))
    return trainers


def test_without_graphviz_it_leaves_what_others_can_draw(without_graphviz: Path) -> None:
    said = small()
    assert said == (
        f"Graphviz is missing: wrote {DRAWN}.dot and {DRAWN}.mmd only; to draw it, "
        "pip install pygraphviz, or install Graphviz so that dot is on the PATH\n"
    )
    assert (without_graphviz / f"{DRAWN}.dot").read_text(encoding="utf-8").startswith("digraph")
    assert (without_graphviz / f"{DRAWN}.mmd").read_text(encoding="utf-8").startswith("flowchart")


@pytest.mark.parametrize("asked", [["--format", "svg"], ["--out", f"{DRAWN}.pdf"], ["--out", f"{DRAWN}.html"]], ids=str)
def test_without_graphviz_a_drawing_that_was_asked_for_fails(asked: list[str], without_graphviz: Path) -> None:
    assert complaint(render(*SMALL_TRAINER, *asked)).startswith(
        f"Graphviz is missing: wrote {DRAWN}.dot and {DRAWN}.mmd only"
    )
    assert sorted(path.name for path in without_graphviz.iterdir()) == ["bin", f"{DRAWN}.dot", f"{DRAWN}.mmd"]


def test_without_graphviz_text_formats_are_as_ever(without_graphviz: Path) -> None:
    for format in ("dot", "mermaid", "text"):
        assert small("--format", format)


def test_a_program_on_the_path_draws_without_the_package(without_graphviz: Path) -> None:
    program = without_graphviz / "bin" / "dot"
    program.write_text(f"#!{sys.executable}\nprint('<svg xmlns=\"http://www.w3.org/2000/svg\"/>')\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    assert small().startswith(f"{DRAWN}.svg: 2 losses")


def test_a_pipe_is_not_replaced_by_a_file(trainers: Path) -> None:
    os.mkfifo(trainers / "pipe.svg")
    assert "expected a file, found a device or a pipe" in complaint(render(*SMALL_TRAINER, "--out", "pipe.svg"))


def test_help_shows_examples_and_every_option() -> None:
    shown = render("--help", columns=100).output
    command = typer.main.get_command(app).commands["render-flow"]  # pyright: ignore[reportAttributeAccessIssue]
    for parameter in command.params:
        name = parameter.opts[0]
        assert (name if name.startswith("-") else f"[-- {name.upper()}]") in shown
    assert "jepa render-flow --target my_trainer:audit_target --against FLOW.md" in shown


def test_exit_code_of_bad_input() -> None:
    assert render("--format", "x").exit_code == BAD_INPUT
