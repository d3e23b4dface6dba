"""How fast the embedded worlds are drawn."""

from benchmarks.pairs import seconds
from jepa_world_model.data.grid_world import EMBEDDED, generate

EPISODES, LENGTH = 100, 64


def main() -> None:
    for name in EMBEDDED:
        fastest = min(seconds(lambda name=name: generate(name, EPISODES, LENGTH, seed=0)) for _ in range(5))
        print(f"{name:12s} {EPISODES * LENGTH / fastest:,.0f} frames/s")


if __name__ == "__main__":
    main()
