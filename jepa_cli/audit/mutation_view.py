"""How strong the contract is, on a terminal or as JSON."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from audits.mutation import Layer, Mutant

if TYPE_CHECKING:
    from rich.console import Console

NAMED = 2
"""Settings that are named before they are counted."""


def show_mutants(mutants: Sequence[Mutant], console: Console) -> None:
    """What each layer of the contract notices, then the mutants that nothing notices."""
    real = [mutant for mutant in mutants if not mutant.equivalent]
    holes = [mutant for mutant in real if mutant.is_hole]
    settings = len({mutant.setting for mutant in mutants})
    console.print(f"{len(mutants)} mutants at {settings} gate settings, {len(mutants) - len(real)} of them equivalent")
    for layer in Layer:
        count = sum(layer in mutant.noticed for mutant in real)
        console.print(f"  noticed by {layer:<9}{count:>5} of {len(real)}", highlight=False)
    console.print(f"  noticed at all      {len(real) - len(holes):>5} of {len(real)}", highlight=False)
    _list("equivalent: no gradient of any loss changes there", [m for m in mutants if m.equivalent], console)
    _list("HOLES: the contract would not notice", holes, console)


def mutants_json(mutants: Iterable[Mutant]) -> str:
    """One object a mutant."""
    return json.dumps([asdict(mutant) | {"hole": mutant.is_hole} for mutant in mutants], indent=1)


def _list(title: str, mutants: Sequence[Mutant], console: Console) -> None:
    by_what: dict[str, list[str]] = defaultdict(list)
    for mutant in mutants:
        by_what[mutant.what].append(mutant.setting)
    if by_what:
        console.print(f"\n{title}")
    for what, settings in by_what.items():
        where = "; ".join(settings) if len(settings) <= NAMED else f"{len(settings)} settings"
        console.print(f"  {what}  (at {where})", highlight=False, soft_wrap=True)
