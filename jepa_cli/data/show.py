"""Carries out `jepa data show`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from audits.errors import UserError
from audits.files import write_file
from jepa_cli.data.choices import FORMATS, PICTURES
from jepa_cli.data.page import contact_sheet, page
from jepa_cli.data.view import facts, show
from jepa_cli.terminal.choice import check_choice
from jepa_world_model.data.readers.fitting import check_fit
from jepa_world_model.data.readers.overview import SHOWN_SIZE, opened, overview
from jepa_world_model.data.readers.shaping import Shaping


@dataclass(frozen=True)
class ShowRequest:
    """The options, as typed."""

    path: str
    cameras: tuple[str, ...]
    fit: str
    out: Path | None
    format: str


def run_show(request: ShowRequest) -> None:
    """Say what a data set is. Raises UserError for one that cannot be read."""
    check_choice("--format", request.format, FORMATS)
    check_fit(request.fit)
    suffix = request.out.suffix.lower() if request.out else ""
    if request.out and suffix not in PICTURES:
        raise UserError(f"--out {request.out}: expected a name that ends in {' or '.join(PICTURES)}")
    found = overview(opened(request.path), Shaping(SHOWN_SIZE, request.fit, request.cameras))
    if request.out:
        write_file(request.out, page(found) if suffix == ".html" else contact_sheet(found))
    if request.format == "json":
        print(json.dumps(facts(found), indent=1, allow_nan=False))
        return
    show(found, request.out)
