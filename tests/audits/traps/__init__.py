"""Small trainers, one trap each, and the status that each of their cells has. A file is a family of traps."""

from tests.audits.traps import (  # importing a family registers its traps
    checkpointing,
    functions,
    habits,
    hooks,
    inplace,
    memory,
    nonfinite,
    parameters,
    precision,
    randomness,
    refused,
    shapes,
    stops,
    transforms,
    wrappers,
    zeros,
)
from tests.audits.traps.trap import TRAPS, Trap

__all__ = [
    "TRAPS",
    "Trap",
    "checkpointing",
    "functions",
    "habits",
    "hooks",
    "inplace",
    "memory",
    "nonfinite",
    "parameters",
    "precision",
    "randomness",
    "refused",
    "shapes",
    "stops",
    "transforms",
    "wrappers",
    "zeros",
]
