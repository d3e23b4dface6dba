"""docs/alarms.md, made from the declarations: python -m jepa_world_model.training.alarms_reference > docs/alarms.md"""

from jepa_world_model.vitals import BOUNDS, VITALS, Bound

HEAD = """\
# Alarms

Made from the declarations in `jepa_world_model/vitals.py` by `make docs`; do not edit.

At each validation (`train.validate_every`) a run measures its vitals on held-out windows, as long as the module that
they belong to is trained. `metrics.jsonl` holds them with the losses. A number that crosses its bound is reported
once in a run: on the terminal, in `metrics.jsonl` (`"split": "alarm"`), in `summary.md`, and by the services of
`--log`. The run goes on. Bounds are set in the table `[alarms]` of a config, such as
`--set alarms.z_effective_rank_below=10`. With 0 for a lower and `inf` for an upper bound there is no alarm.

## Vitals

| vital | what it measures | of the module |
| --- | --- | --- |
"""


def alarms_markdown() -> str:
    """The whole page."""
    vitals = [f"| `{vital.name}` | {vital.meaning} | {vital.module} |" for vital in VITALS.values()]
    bounds = [_row(bound) for bound in BOUNDS]
    head = ["\n## Bounds\n", "| key of `[alarms]` | default | what it means to cross it |", "| --- | --- | --- |"]
    return HEAD + "\n".join([*vitals, *head, *bounds]) + "\n"


def _row(bound: Bound) -> str:
    return f"| `{bound.key}` | {bound.default:g} | {bound.meaning} |"


if __name__ == "__main__":
    print(alarms_markdown(), end="")
