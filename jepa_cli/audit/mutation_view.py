"""How strong the contract is, on a terminal or as JSON."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from audits.mutation import Layer, Mutant
from jepa_cli.terminal.safe_text import safe

if TYPE_CHECKING:
    from rich.console import Console

NAMED = 2
"""Settings that are named before they are counted."""


def show_mutants(mutants: Sequence[Mutant], console: Console) -> None:
    """What each layer of the contract notices, then the mutants that nothing notices."""
    raising = [mutant for mutant in mutants if mutant.raised]
    real = [mutant for mutant in mutants if not mutant.equivalent and not mutant.raised]
    holes = [mutant for mutant in real if mutant.is_hole]
    settings = len({mutant.setting for mutant in mutants})
    equivalent = len(mutants) - len(real) - len(raising)
    ending = f", on {len(raising)} the trainer raises" if raising else ""
    console.print(f"{len(mutants)} mutants at {settings} gate settings, {equivalent} of them equivalent{ending}")
    for layer in Layer:
        count = sum(layer in mutant.noticed for mutant in real)
        console.print(f"  noticed by {layer:<9}{count:>5} of {len(real)}", highlight=False)
    console.print(f"  noticed at all      {len(real) - len(holes):>5} of {len(real)}", highlight=False)
    _list("equivalent: no gradient of any loss changes there", [m for m in mutants if m.equivalent], console)
    _list("the trainer raises, which nobody can overlook", raising, console)
    _list("HOLES: the contract would not notice", holes, console)


def mutants_json(mutants: Iterable[Mutant]) -> str:
    """One object a mutant."""
    return json.dumps([asdict(mutant) | {"hole": mutant.is_hole} for mutant in mutants], indent=1)


def _list(title: str, mutants: Sequence[Mutant], console: Console) -> None:
    by_what: dict[str, list[str]] = defaultdict(list)
    raised = {mutant.what: mutant.raised for mutant in mutants}
    for mutant in mutants:
        by_what[mutant.what].append(mutant.setting)
    if by_what:
        console.print(f"\n{title}")
    for what, settings in by_what.items():
        what = f"{what}: {raised[what]}" if raised[what] else what
        where = "; ".join(settings) if len(settings) <= NAMED else f"{len(settings)} settings"
        console.print(safe(f"  {what}  (at {where})"), highlight=False, markup=False, soft_wrap=True)
