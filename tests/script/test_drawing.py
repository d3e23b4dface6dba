"""What a script computes from what: the links of its picture."""

from __future__ import annotations

from pathlib import Path

from audits.dataflow.links import DataFlow
from audits.dataflow.values import Kind, Node
from audits.diagram.survey import survey_of
from audits.script.request import Script
from audits.script.running import run_script

VAE = Path(__file__).parent / "scripts" / "vae.py"


def module(name: str) -> Node:
    return Node(Kind.MODULE, f"model.{name}")


def test_links_run_from_inputs_to_losses_and_know_their_gradient() -> None:
    flows: list[DataFlow] = []
    found = run_script(Script(VAE), on_dataflow=flows.append)
    links = flows[0].links
    assert Node(Kind.INPUT, "x") in [source for source, sink in links if sink == module("encoder")]
    assert links[module("encoder"), module("mu")].losses == {"recon_loss", "kl"}
    assert links[module("mu"), module("decoder")].losses == {"recon_loss"}
    (cut,) = links[module("mu"), module("cls")].cuts
    assert cut.place.text == "mu.detach()"
    survey = survey_of(found, flows[0])
    assert (survey.losses, survey.modules) == (found.losses, found.modules)
