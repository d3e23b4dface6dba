"""Tensors and facts in one safetensors file with a checksum. Reading it never runs code from it."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from audits.files import read_file
from jepa_world_model.errors import UserError
from jepa_world_model.runs.files import FACTS, HEADER_SIZE
from jepa_world_model.runs.untrusted import parsed

UNSEALED = b"0" * 64


class Damaged(UserError):
    """A file whose bytes are not those that were written."""


def sealed(tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> bytes:
    """A safetensors file. Its checksum, SHA-256 of the whole file with 64 zeros in its place, comes first in `facts`.

    The same tensors and facts give the same bytes.
    """
    text = json.dumps({"sha256": UNSEALED.decode(), **facts})
    content = save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, {FACTS: text})
    return content.replace(UNSEALED, _digest(content), 1)


def unsealed(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and facts. Raises Damaged for a file that is cut short or altered, OSError when it cannot be read.

    A safetensors file from elsewhere has neither facts nor a checksum.
    """
    content = read_file(path, most=None)
    try:
        header = int.from_bytes(content[:HEADER_SIZE], "little")
        metadata = parsed(content[HEADER_SIZE : HEADER_SIZE + header]).get("__metadata__") or {}
        facts = parsed(metadata[FACTS]) if FACTS in metadata else {}
        facts = facts if isinstance(facts, dict) else {}
        tensors = load(content)
    except (SafetensorError, ValueError, TypeError, AttributeError, OverflowError, MemoryError) as error:
        raise Damaged(f"{path} is damaged: it is no whole safetensors file ({error})") from error
    digest = str(facts.pop("sha256", ""))
    if facts and _digest(content.replace(digest.encode(), UNSEALED, 1)).decode() != digest:
        raise Damaged(f"{path} is damaged: its checksum is not that of its content")
    return tensors, facts


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode()
