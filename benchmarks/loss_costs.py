"""What each group of default losses adds to a training step, compared with a step of the bare autoencoder."""

from itertools import accumulate
from statistics import median

from benchmarks.pairs import seconds
from benchmarks.training_step import only, stepper, trainer_of

GROUPS = (
    ("recon_multi_box", "pixel_delta_multi_box"),
    ("jepa", "h2z", "z2h"),
    ("action_delta_h", "inverse_dynamics_h"),
    ("rollout_kstep_h", "rollout_kstep_delta_h"),
    ("action_delta_dp", "scale_dp", "geometry_rank_p", "additivity_dp", "rollout_kstep_p"),
)


def main(rounds: int = 12) -> None:
    enabled = [("recon",), *accumulate(GROUPS, lambda before, group: before + group)]
    trainers = [trainer_of(*only(*names)) for names in enabled]
    batch = trainers[0].sampler.batch(0)
    steps = [stepper(trainer, batch) for trainer in trainers]
    times = [[seconds(step) for step in steps] for _ in range(rounds + 2)][2:]
    medians = [median(column) for column in zip(*times, strict=True)]
    print(f"bare autoencoder, pixel MSE: {medians[0] * 1e3:.0f} ms; instead of pixel MSE, one group after the other:")
    for group, time in zip(GROUPS, medians[1:], strict=True):
        print(f"+ {', '.join(group):84s} {time * 1e3:.0f} ms  {time / medians[0]:.3f} x")


if __name__ == "__main__":
    main()
