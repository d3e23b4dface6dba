"""What each knob of speed gains: a training step with it against one without, in the same process.

    python -m benchmarks.knobs [--rounds 15] [--set TABLE.KEY=VALUE ...]

Below 1 is faster. None of them changes which loss updates which module; tests/training/test_knobs.py holds that.
"""

import argparse

from benchmarks.pairs import compare
from benchmarks.training_step import stepper, trainer_of

KNOBS = {
    "bfloat16 / float32": (["train.precision=bfloat16"], ["train.precision=float32"]),
    "channels-last / contiguous": (["train.channels_last=true"], ["train.channels_last=false"]),
    "compiled encoder and decoder / eager": (["train.compile=true"], ["train.compile=false"]),
    "accumulated over 2 parts / whole batch": (["train.accumulate=2"], ["train.accumulate=1"]),
}


def main(rounds: int = 15, overrides: tuple[str, ...] = ()) -> None:
    for name, (on, off) in KNOBS.items():
        with_it, without = trainer_of(*overrides, *on), trainer_of(*overrides, *off)
        batch = without.sampler.batch(0)
        print(f"{name:42s} {compare(stepper(with_it, batch), stepper(without, batch), rounds=rounds)}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--set", action="append", default=[], dest="overrides")
    asked = parser.parse_args()
    main(asked.rounds, tuple(asked.overrides))
