"""docs/losses.md, made from the declarations: python -m jepa_world_model.losses.documentation > docs/losses.md"""

from jepa_world_model.losses import LOSSES, Loss
from jepa_world_model.losses.declaration import Read

HEAD = """\
# The losses

Made from the declarations in `jepa_world_model/losses/` by `make docs`; do not edit.

`sg(...)` is stop-gradient, `frozen` a module whose parameters get no gradient. *Updates* are the modules that get
gradient at the default gates. *Needs* are the shortest window (T frames) and shallowest rollout (K steps) with which
the loss is defined. States are computed in `jepa_world_model/states.py`; what is not read is not computed.
"""


def losses_markdown() -> str:
    """The whole page."""
    enabled = [loss for loss in LOSSES.values() if loss.weight]
    disabled = [loss for loss in LOSSES.values() if not loss.weight]
    return "\n".join(
        [
            HEAD,
            f"## Enabled by default ({len(enabled)})\n",
            *_table(enabled),
            f"\n## Disabled by default ({len(disabled)})\n",
            *_table(disabled),
            "",
        ]
    )


def _table(losses: list[Loss]) -> list[str]:
    head = ["| loss | weight | compares | reads | updates | needs |", "| --- | --- | --- | --- | --- | --- |"]
    return head + [_row(loss) for loss in losses]


def _row(loss: Loss) -> str:
    reads = ", ".join(map(_shown, loss.reads))
    needs = f"T >= {loss.frames}" + (f", K >= {loss.horizon}" if loss.horizon > 1 else "")
    return f"| `{loss.name}` | {loss.weight:g} | {loss.meaning} | {reads} | {', '.join(loss.updates)} | {needs} |"


def _shown(read: Read) -> str:
    return f"sg({read.name})" if read.stopped else f"{read.name} frozen" if read.frozen else read.name


if __name__ == "__main__":
    print(losses_markdown(), end="")
