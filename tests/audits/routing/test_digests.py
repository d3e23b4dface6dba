"""Digests stand in lock files: they are the same from one version of this code to the next, or the version changes."""

from pathlib import Path

from audits import audit
from tests.audits.routing.test_edits import trainer
from tests.audits.routing.trainers import RECURRENT


def test_what_is_too_deep_to_be_written_out_has_the_same_digest_as_ever(tmp_path: Path) -> None:
    with trainer(RECURRENT, tmp_path) as target:
        routes = audit(target).flows[0].routes["predict"]
    assert routes.terms == (
        "readout(cell(#b0a0cb07)) with batch[:, -2]",
        "readout(cell(batch[:, -2], cell(#b0a0cb07))) with batch[:, -1]",
        "readout(cell(batch[:, 0], sg(start(batch[:, 0])))) with batch[:, 1]",
        "readout(cell(batch[:, 1], cell(batch[:, 0], sg(start(batch[:, 0]))))) with batch[:, 2]",
    )
