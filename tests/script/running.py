"""Scripts of a few lines, and their tables."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

from audits.result import Audit
from audits.script.request import Script
from audits.script.running import run_script

HEAD = """
import torch
from torch import nn
import torch.nn.functional as F
torch.manual_seed(0)
"""


def audited(folder: Path, text: str, **options: object) -> Audit:
    """The audit of a script of this text, at the top of which torch is imported."""
    return run_script(Script(written(folder, text), **options))  # pyright: ignore[reportArgumentType]


def written(folder: Path, text: str) -> Path:
    path = folder / "train.py"
    path.write_text(HEAD + dedent(text))
    return path


def updated(audit: Audit) -> dict[str, set[str]]:
    """By loss: the modules that it updates."""
    return {loss: set(audit.flows[0].updated(loss)) for loss in audit.losses}
