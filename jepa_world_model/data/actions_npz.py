"""actions.npz of the research layout."""

from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from jepa_world_model.errors import UserError
from jepa_world_model.input_files import check_file

ACTIONS_NPZ = "actions.npz"
UNREADABLE = (
    OSError,
    ValueError,
    BadZipFile,
    EOFError,
    TypeError,
    MemoryError,
    NotImplementedError,
    RuntimeError,
    SyntaxError,
)
"""What NumPy raises for a file that is damaged or no archive: encrypted, of another compression, claiming too much."""


def read_actions(path: Path) -> np.ndarray:
    """Return the actions [T, A] of ``path``: the array named "actions", or the only one. Raises UserError."""
    check_file(path)
    try:
        with np.load(path, allow_pickle=False) as archive:
            actions = archive[_key(path, archive.files)]
    except UNREADABLE as error:
        raise UserError(f"{path}: expected a file written by numpy.savez, found something else ({error})") from error
    if actions.ndim != 2 or actions.shape[1] == 0 or actions.dtype.kind not in "biuf":
        raise UserError(
            f"{path}: expected real numbers [T, A], found {actions.dtype} of shape {actions.shape}; "
            "turn n discrete choices into rows with numpy.eye(n)[choices]"
        )
    return actions


def _key(path: Path, names: list[str]) -> str:
    if "actions" in names:
        return "actions"
    if len(names) != 1:
        raise UserError(f'{path}: expected an array named "actions" or a single one, found {names or "none"}')
    return names[0]
