"""What a config is compared with: the defaults, a file, a run, or the same file at a revision of git."""

from __future__ import annotations

import os
from pathlib import Path

from audits.errors import UserError
from jepa_world_model.settings import Settings, default_settings, read_settings, settings_of

DEFAULT, CONFIG = "default", "config.toml"
EXPECTED = f"expected {DEFAULT}, a TOML file, a run folder or a git revision"


def baseline_settings(wanted: str | None, file: Path | None) -> tuple[Settings, list[str]]:
    """The settings, and what a reader should know about where they are from.

    `file` is the config that is compared: a revision is one of this file, unless it names another (``HEAD:my.toml``).
    Raises UserError for what names nothing.
    """
    if wanted is None or wanted in (DEFAULT, "defaults"):
        return default_settings(), []
    path = Path(wanted)
    if path.is_dir():
        if not (path / CONFIG).is_file():
            raise UserError(f"--baseline {wanted}: {path} is not a run folder: expected {CONFIG} in it")
        return read_settings(path / CONFIG), []
    if path.exists() or (path.suffix == ".toml" and ":" not in wanted):
        if not path.exists():
            raise UserError(f"--baseline {wanted}: there is no such file")
        return read_settings(path), []
    return _revision(wanted, file)


def _revision(wanted: str, file: Path | None) -> tuple[Settings, list[str]]:
    revision, colon, named = wanted.partition(":")
    at = Path(named) if colon else file
    if at is None:
        raise UserError(f"--baseline {wanted}: a git revision needs a file: give --config, or {wanted}:my.toml")
    folder = (at.parent if not colon else Path()).absolute()
    if _git(folder, "rev-parse", "--git-dir") is None:
        raise UserError(f"--baseline {wanted}: {EXPECTED}, found none of them: {folder} is in no git repository")
    if _git(folder, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}") is None:
        raise UserError(f"--baseline {wanted}: {EXPECTED}, found none of them")
    name = f"{revision}:{at}"
    content = _git(folder, "show", f"{revision}:./{at.name if not colon else named}")
    if content is None:
        return default_settings(), [f"{name} does not exist: compared with the defaults"]
    return settings_of(content, name), []


def _git(folder: Path, *arguments: str) -> bytes | None:
    """What git prints; None where it fails, or where there is none."""
    import subprocess

    own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}  # a hook's may be relative
    try:
        run = subprocess.run(["git", *arguments], cwd=folder, env=own, capture_output=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return run.stdout if run.returncode == 0 else None
