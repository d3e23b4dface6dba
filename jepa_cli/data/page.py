"""Pictures of a data set: a contact sheet, and a web page that works offline."""

from __future__ import annotations

from base64 import b64encode
from html import escape
from io import BytesIO

import numpy as np

from jepa_world_model.data.readers.overview import Overview
from jepa_world_model.pictures.colours import as_colours

GAP = 2
STYLE = """
:root { color-scheme: light dark; --line: #8884 }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse }
td, th { padding: .2rem .7rem; border-bottom: 1px solid var(--line); text-align: left }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums }
img { max-width: 100%; image-rendering: pixelated; background: white } .warning { color: #cf222e; font-weight: 600 }
"""


def contact_sheet(found: Overview) -> bytes:
    """A PNG with a row for each of a few episodes."""
    from PIL import Image

    content = BytesIO()
    Image.fromarray(_sheet(found)).save(content, format="png")
    return content.getvalue()


def page(found: Overview) -> str:
    """HTML."""
    title = escape(f"Data: {found.path}")
    cameras = ", ".join(f"{name} {shape[0]} x {shape[1]} x {shape[2]}" for name, shape in found.cameras.items())
    facts = {
        "format": found.format,
        "episodes": f"{len(found.lengths):,}",
        "frames": f"{int(found.lengths.sum()):,}",
        "cameras": cameras,
        "actions": f"{len(found.columns)} columns, {found.kind}",
        "truth": ", ".join(found.truth) or "none",
    }
    rows = "".join(f"<tr><th>{name}</th><td>{escape(text)}</td></tr>" for name, text in facts.items())
    said = [f"<p>{escape(note)}</p>" for note in found.notes]
    said += [f'<p class="warning">{escape(warning)}</p>' for warning in found.warnings]
    picture = b64encode(contact_sheet(found)).decode()
    head = f'<meta charset="utf-8"><title>{title}</title><style>{STYLE}</style>'
    return (
        f'<!doctype html>\n<html lang="en"><head>{head}</head>\n'
        f"<body>\n<h1>{title}</h1>\n<table>{rows}</table>\n{''.join(said)}\n"
        f'<p><img alt="frames of some episodes, a row each" src="data:image/png;base64,{picture}"></p>\n'
        f"{_actions(found)}\n</body></html>\n"
    )


def _actions(found: Overview) -> str:
    head = "".join(f'<th class="n">{name}</th>' for name in ("lowest", "highest", "mean", "std"))
    rows = [
        f"<tr><td>{escape(each.name)}</td>{''.join(f'<td class=n>{value:.4g}</td>' for value in each[1:])}</tr>"
        for each in found.columns
    ]
    return f"<table><tr><th>action</th>{head}</tr>{''.join(rows)}</table>"


def _sheet(found: Overview) -> np.ndarray:
    """[H, W, 3] uint8"""
    pictures = [as_colours(frames) for frames in found.sheet]
    columns, size = max(map(len, pictures)), pictures[0].shape[1]
    step = size + GAP
    sheet = np.full((len(pictures) * step - GAP, columns * step - GAP, 3), 255, dtype=np.uint8)
    for row, frames in enumerate(pictures):
        for column, frame in enumerate(frames):
            sheet[row * step : row * step + size, column * step : column * step + size] = frame
    return sheet
