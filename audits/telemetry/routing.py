"""Which loss has a path to which module, from sample to sample: what changes is an alarm."""

from __future__ import annotations

from collections.abc import Iterator

from audits.telemetry.sample import Sample


class RoutingAlarm:
    """Remembers what held when it was last different."""

    def __init__(self) -> None:
        self._known: Sample | None = None

    def changes(self, found: Sample) -> Iterator[str]:
        """How the routing of a sample differs, told once: from then on it is as it should be. A loss that one of two
        samples does not have is not compared."""
        before, self._known = self._known, found
        if before is None:
            return
        both = {loss for loss, _ in before.routing} & {loss for loss, _ in found.routing}
        was, now = ({pair for pair in sample.routing if pair[0] in both} for sample in (before, found))
        for loss, module in sorted(was - now):
            yield f"{loss} has no path to {module} at step {found.step}, and had one at step {before.step}"
        for loss, module in sorted(now - was):
            yield f"{loss} has a path to {module} at step {found.step}, and had none at step {before.step}"
