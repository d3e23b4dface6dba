"""What a document speaks of, and what it leaves out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from audits.contract.contract import Contract
from audits.drift import Drift, DriftKind, Row
from audits.result import Audit, Flow

NAMED = 3
"""Losses that are named before they are counted."""


def speaking(contract: Contract | None, flow: Flow, loss: str) -> Contract | None:
    """The document, if it says what this loss updates at this setting."""
    return contract if contract and contract.speaks_of(loss, flow.setting) else None


def left_out(audit: Audit, contract: Contract) -> str:
    """One line on the audited losses and settings of which the document says nothing; empty where it says all."""
    losses, gates = _without_row(audit, contract), _unspoken(audit, contract)
    parts = []
    if losses:
        more = f" and {len(losses) - NAMED} more" if len(losses) > NAMED + 1 else ""
        named = losses if not more else losses[:NAMED]
        parts.append(f"{'the losses' if len(losses) > 1 else 'the loss'} {', '.join(named)}{more}")
    if gates:
        parts.append(f"the settings with {', '.join(_named(pair) for pair in gates)}")
    if not parts:
        return ""
    return f"{contract.shown} does not speak of {' and '.join(parts)}: not compared; --complete demands all"


def undocumented(audit: Audit, contract: Contract) -> Iterator[Drift]:
    """A drift for each loss without a row, and for each value of a gate of which no row speaks."""
    header = contract.document.flow_tables[-1].table.header
    for loss in _without_row(audit, contract):
        yield _drift("a row", contract.document.row(header), loss=loss)
    tables = contract.document.effect_tables
    line = contract.document.row(tables[-1].table.header if tables else header)
    for pair in _unspoken(audit, contract):
        yield _drift(f"a row for {_named(pair)}", line, gate=pair[0])


def uncompared(audit: Audit, contract: Contract | None) -> frozenset[str]:
    """Labels of the settings at which no audited loss is compared with the document."""
    if contract is None:
        return frozenset()
    spoken = (flow.setting for flow in audit.flows if any(speaking(contract, flow, loss) for loss in audit.losses))
    return frozenset(flow.setting.label for flow in audit.flows) - {setting.label for setting in spoken}


def _without_row(audit: Audit, contract: Contract) -> list[str]:
    return [loss for loss in audit.losses if loss not in contract.flow]


def _unspoken(audit: Audit, contract: Contract) -> list[tuple[str, str]]:
    """Values of gates at audited settings, in the order of the gates."""
    pairs: Iterable[tuple[str, str]] = (
        (name, str(value)) for flow in audit.flows for name, value in flow.setting.changed.items()
    )
    return [pair for pair in dict.fromkeys(pairs) if pair not in contract.spoken]


def _named(pair: tuple[str, str]) -> str:
    return "=".join(pair)


def _drift(expected: str, row: Row, *, loss: str = "", gate: str = "") -> Drift:
    return Drift(
        kind=DriftKind.UNDOCUMENTED,
        settings=(),
        loss=loss,
        module="",
        expected=expected,
        found="none",
        reason="--complete demands that the document speaks of every loss and of every value of a gate",
        remedy="add the row, or run with --update --complete and review the diff",
        row=row,
        gate=gate,
    )
