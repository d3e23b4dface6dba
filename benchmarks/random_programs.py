"""The audit of random trainers against plain autograd in float64: python -m benchmarks.random_programs --cells 20000

Prints each cell whose status is wrong, with the seed of its trainer, and exits with 1 if there is any. Trainers with a
loss that is not finite, which an audit refuses, are left out and counted.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from itertools import count

import torch

from audits import Cell, audit
from tests.audits.programs import Pair, Program, expected

REPORTED = 1000
"""So many cells are between two lines on progress."""


def wrong_cells(program: Program) -> tuple[list[Cell], dict[Pair, str]]:
    """Every cell of a trainer; and of each that is wrong, what would be right."""
    right = expected(program)
    cells = list(audit(program.target()).flows[0].cells.values())
    wrong = {
        (cell.loss, cell.module): " or ".join(sorted(right[cell.loss, cell.module]))
        for cell in cells
        if cell.status not in right[cell.loss, cell.module]
    }
    return cells, wrong


def programs(first: int) -> Iterator[Program]:
    """One for each seed from `first` on."""
    return map(Program.drawn, count(first))


def main(cells: int = 2000, seed: int = 0) -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    statuses: Counter[str] = Counter()
    wrongs = done = refused = 0
    for program in programs(seed):
        if not program.is_finite():
            refused += 1
            continue
        found, wrong = wrong_cells(program)
        for cell in found:
            statuses[cell.status] += 1
            if right := wrong.get((cell.loss, cell.module)):
                print(f"seed {program.seed} ({program.precision}): {cell.loss}: {cell.module}: ", end="")
                print(f"{cell.status} ({cell.reason}), expected {right}")
        wrongs += len(wrong)
        before, done = done, done + len(found)
        if done >= cells or done // REPORTED > before // REPORTED:
            print(f"seeds {seed} to {program.seed}: {wrongs} of {done:,} cells wrong", flush=True)
        if done >= cells:
            break
    print(", ".join(f"{number:,} {status}" for status, number in statuses.most_common()))
    print(f"{refused} trainers left out: a loss is not finite")
    sys.exit(bool(wrongs))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cells", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    main(asked.cells, asked.seed)
