"""All benchmarks, one after the other."""

from benchmarks import audit, check_weights, grid_world, render_flow, start_up, training_step

for benchmark in (start_up, grid_world, training_step, audit, render_flow, check_weights):
    print(f"-- {(benchmark.__doc__ or '').splitlines()[0]}")
    benchmark.main()
    print()
