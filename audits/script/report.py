"""From what was seen of a script to an audit: its losses as rows, its modules as columns, a status in each cell."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import hypot
from typing import Any

import torch
from torch import Tensor

from audits.errors import AuditError
from audits.gradients import Column, Measured
from audits.graph import LEAF, Graph
from audits.places import Place
from audits.result import Audit, Cell, Flow, Pair, Routes, Setting, Status
from audits.routing.routes import routes
from audits.script.columns import Choice, columns
from audits.script.drawing import drawn
from audits.script.living import owners, tops
from audits.script.measuring import Join, Root
from audits.script.session import ScriptRun, Sent
from audits.target import Named, Target, parameters_of
from audits.walking import Walk

CLEAR = 1e-5
"""A gradient times its weights that is this part of the loss, or of one if that is more, is above all rounding."""
CLEAR_IN_FLOAT64 = 1e-10
SMALLEST = 1e-2
"""Weights that are zero, such as those of an adapter that starts as nothing, count as so large an entry."""
PROVE = "--proof decides"
ZERO = f"the gradient is zero on this step: {PROVE} whether it is on others"
TINY = f"the gradient may be rounding noise: {PROVE}"


@dataclass(frozen=True)
class LossRow:
    """A loss with all that was sent backward of it."""

    name: str
    sent: Sequence[Sent]


@dataclass(frozen=True)
class ScriptPass:
    """A script's pass, as the walk of an audit wants it."""

    losses: Mapping[str, Root]
    columns: Sequence[Column]
    strangers: Sequence[Tensor] = ()

    @cached_property
    def graph(self) -> Graph:
        return Graph(self.losses)  # pyright: ignore[reportArgumentType]

    def values(self) -> dict[str, float]:
        return {}


def audit_of(session: ScriptRun, name: str, choice: Choice, renamed: Mapping[str, tuple[str, int]]) -> Audit:
    """The audit of a script that has run. Raises AuditError where nothing went backward."""
    return audit_and_parts(session, name, choice, renamed)[0]


def audit_and_parts(
    session: ScriptRun, name: str, choice: Choice, renamed: Mapping[str, tuple[str, int]]
) -> tuple[Audit, Mapping[str, Named], Sequence[LossRow]]:
    """The same, with the columns and the rows that it was made from."""
    if not session.sent:
        raise AuditError(f"{name} never goes backward: no call of backward() or torch.autograd.grad() was seen")
    with session.recorder.asleep():
        report = _Report(session, name, choice, renamed)
        return report.audit(), report.columns, report.rows


class _Report:
    def __init__(self, session: ScriptRun, name: str, choice: Choice, renamed: Mapping[str, tuple[str, int]]) -> None:
        self._session, self._name = session, name
        self._sent = [sent for sent in session.sent if sent.number not in session.looks] or session.sent
        self.columns = self._find_columns(choice)
        self.rows = _rows(self._sent, renamed, self._weight_name)
        self._roots = {row.name: self._root(row) for row in self.rows}

    def audit(self) -> Audit:
        session = self._session
        target = Target(dict(self.columns), dict, name=self._name)  # pyright: ignore[reportArgumentType]
        run = ScriptPass(
            self._roots, [Column(name, tuple(parameters_of(value))) for name, value in self.columns.items()]
        )
        session.recorder.name_calls(_call_names(self.columns))
        recording = session.recorder.finish()
        walk = Walk(run, recording, self._measured(run))  # pyright: ignore[reportArgumentType]
        cells = {pair: self._aside(self._decided(cell)) for pair, cell in walk.cells().items()}
        stops = walk.stops()
        routed = self._routes(target, run)
        if session.on_dataflow:
            numbers = {name: recording.number_of[id(root)] for name, root in self._roots.items()}
            session.on_dataflow(drawn(session.recorder, self.columns, numbers))
        flow = Flow(
            Setting({}, {}),
            self._with_shares(cells),
            stops,
            called=frozenset(recording.called),
            routes=routed,
            unused=self._unused(),
        )
        losses = tuple(self._roots)
        return Audit(
            self._name, {}, losses, tuple(self.columns), (flow,), tuple(self._notes()), losses, {}, self._weights()
        )

    def _routes(self, target: Target, run: ScriptPass) -> Mapping[str, Routes]:
        """None where a script computes what no recording has met before; the audit says so."""
        recorder = self._session.recorder
        try:
            return routes(target, run, recorder, self._session.sources)  # pyright: ignore[reportArgumentType]
        except Exception as error:
            recorder.lost.append(f"routes ({type(error).__name__}: {error})".splitlines()[0])
            return {}

    # --------------------------------------------------------------------------------------------------- rows, columns

    def _find_columns(self, choice: Choice) -> dict[str, Named]:
        session = self._session
        session.names.look_inside()
        reached = {key: leaf for sent in self._sent for key, leaf in sent.gradients.leaves.items()}
        optimized = session.weights()
        held_by = owners({**reached, **optimized}.values())
        called = [module for module in session.recorder.modules if any(True for _ in module.parameters())]
        outermost = self._without_shells(tops(dict.fromkeys([*called, *held_by])))
        known = {id(parameter) for module in outermost for parameter in module.parameters()}
        free = {key: leaf for key, leaf in {**reached, **optimized}.items() if key not in known}
        loose = [
            leaf
            for key, leaf in free.items()
            if (key in reached or not self._is_gone(leaf))
            and (key in optimized or not optimized or isinstance(leaf, torch.nn.Parameter))
        ]
        found = columns(outermost, loose, session.names, choice)
        if not found:
            raise AuditError(f"{self._name}: no module with parameters ran, and no parameter was reached")
        return found

    def _without_shells(self, outermost: Sequence[torch.nn.Module]) -> list[torch.nn.Module]:
        """Modules but those that run with parameters of others, as by ``torch.func.functional_call``: the script has no
        name for them, and others hold their parameters, or nothing that goes backward or steps has to do with those."""
        session = self._session
        known = {id(parameter) for module in outermost if self._has_name(module) for parameter in module.parameters()}
        used = session.recorder.weights_read() | set(session.weights())
        return [
            module
            for module in outermost
            if self._has_name(module) or any(id(each) in used - known for each in module.parameters())
        ]

    def _is_gone(self, leaf: Tensor) -> bool:
        """Whether a parameter is left over from a module that the script has replaced: only its optimizer has it."""
        is_known = self._session.names.get(leaf) or id(leaf) in self._session.recorder.weights_read()
        return isinstance(leaf, torch.nn.Parameter) and not is_known

    def _has_name(self, module: torch.nn.Module) -> bool:
        return any(self._session.names.get(part) for part in module.modules())

    def _weight_name(self, sent: Sent) -> str:
        """Of a loss that is a parameter as it is, such as the logarithm of a learned weight: where that is."""
        edge = self._session.recorder.sums.edges[sent.loss.value]
        if type(edge.node).__name__ != LEAF:
            return ""
        for name, column in self.columns.items():
            if column is edge.node.variable:
                return name
            for path, parameter in column.named_parameters() if isinstance(column, torch.nn.Module) else ():
                if parameter is edge.node.variable:
                    return f"{name}.{path}"
        return ""

    def _root(self, row: LossRow) -> Root:
        """A loss, or several of one name, as one root of the graph."""
        recorder = self._session.recorder
        edges = [recorder.sums.edges[value] for sent in row.sent if sent.loss.live for value in sent.values]
        nodes = [edge for edge in edges if edge.node is not None]
        joined = recorder.joined([value for sent in row.sent for value in sent.values])
        node = None
        if len({id(edge.node) for edge in nodes}) == 1:
            node = nodes[0].node
        elif nodes:
            node = Join(tuple((edge.node, edge.output) for edge in nodes))
        root = Root(node, node is not None)
        recorder.recording.number_of[id(root)] = joined
        return root

    # -------------------------------------------------------------------------------------------------------- cells

    def _measured(self, run: ScriptPass) -> Measured:
        measured = Measured()
        for row in self.rows:
            if failed := next((sent.gradients.failed for sent in row.sent if sent.gradients.failed), ""):
                measured.failed[row.name] = failed
                continue
            for column in run.columns:
                self._measure(measured, row, column)
        return measured

    def _measure(self, measured: Measured, row: LossRow, column: Column) -> None:
        pair = row.name, column.module
        keys = [id(tensor) for tensor in column.parameters]
        found: list[float] = []
        for sent in row.sent:
            inputs = self._session.left_out.get(sent.number)
            here = [
                norm
                for key in keys
                if (norm := sent.gradients.norms.get(key)) is not None and (inputs is None or key in inputs)
            ]
            if here:
                found.append(hypot(*here))
                measured.nonfinite[pair] = measured.nonfinite.get(pair, 0) + sum(
                    sent.gradients.nonfinite.get(key, 0) for key in keys
                )
        if found:
            measured.norms[pair] = max(found, key=lambda norm: (norm != norm, norm))
        elif any(key in sent.gradients.norms for sent in row.sent for key in keys):
            measured.norms[pair] = None

    def _decided(self, cell: Cell) -> Cell:
        """What one pass can say of a gradient."""
        if not cell.waits:
            return self._left_out(cell)
        if cell.nonfinite or cell.norm is None or cell.norm != cell.norm:
            return replace(cell, status=Status.NONFINITE, reason="the gradient has NaN or infinity")
        if not cell.norm:
            return replace(cell, status=Status.UNPROVEN, reason=ZERO)
        if not self._is_clear(cell):
            return replace(cell, status=Status.UNPROVEN, reason=TINY)
        return replace(cell, status=Status.LIVE)

    def _aside(self, cell: Cell) -> Cell:
        """Parameters that no optimizer has, such as those of a target network, are not expected to be trained."""
        optimized = self._session.weights()
        keys = {id(parameter) for parameter in parameters_of(self.columns[cell.module])}
        if not optimized or cell.status.updates or not keys.isdisjoint(optimized):
            return cell
        return replace(cell, parameters=0)

    def _left_out(self, cell: Cell) -> Cell:
        """A path along which the script asks for no gradient: ``loss.backward(inputs=...)``."""
        row = next(row for row in self.rows if row.name == cell.loss)
        asked = all(sent.number in self._session.left_out for sent in row.sent)
        keys = {id(parameter) for parameter in parameters_of(self.columns[cell.module])}
        has = any(sent.gradients.norms.get(key) is not None for sent in row.sent for key in keys)
        if asked and has and cell.paths and cell.norm is None:
            return replace(cell, status=Status.ABSENT, reason="the backward call names other inputs")
        return cell

    def _is_clear(self, cell: Cell) -> bool:
        """Whether a gradient is far above what rounding leaves of zero."""
        row = next(row for row in self.rows if row.name == cell.loss)
        parameters = list(parameters_of(self.columns[cell.module]))
        for sent in row.sent:
            norms = [sent.gradients.norms.get(id(parameter)) or 0.0 for parameter in parameters]
            sizes = [
                max(sent.gradients.sizes.get(id(parameter), 0.0), SMALLEST * parameter.numel() ** 0.5)
                for parameter in parameters
            ]
            effect = max((norm * size for norm, size in zip(norms, sizes, strict=True)), default=0.0)
            if effect > (CLEAR_IN_FLOAT64 if self._session.variation else CLEAR) * max(1.0, abs(sent.gradients.value)):
                return True
        return False

    def _with_shares(self, cells: Mapping[Pair, Cell]) -> dict[Pair, Cell]:
        weights = self._weights()
        weighted = {pair: cell.norm * abs(weights[cell.loss]) for pair, cell in cells.items() if cell.norm is not None}
        totals: dict[str, float] = {}
        for (_, module), norm in weighted.items():
            totals[module] = totals.get(module, 0.0) + norm
        return {
            pair: replace(cell, share=weighted[pair] / totals[pair[1]])
            if pair in weighted and totals[pair[1]] and totals[pair[1]] == totals[pair[1]]
            else cell
            for pair, cell in cells.items()
        }

    def _weights(self) -> dict[str, float]:
        """Of each loss in what goes backward, as often as it is added."""
        return {row.name: float(f"{row.sent[0].loss.weight:.12g}") for row in self.rows}

    def _unused(self) -> dict[str, tuple[str, ...]]:
        """By module: its trainable parameters that no loss has a path to."""
        norms = [sent.gradients.norms for row in self.rows for sent in row.sent]
        reached = {key for of_one in norms for key, norm in of_one.items() if norm is not None}
        found = {}
        for name, column in self.columns.items():
            named = column.named_parameters() if isinstance(column, torch.nn.Module) else [(name, column)]
            found[name] = tuple(
                path
                for path, parameter in named
                if isinstance(parameter, Tensor) and parameter.requires_grad and id(parameter) not in reached
            )
        return found

    def _notes(self) -> Iterable[str]:
        session = self._session
        steps = sum(session.stepped.values())
        yield f"measured on one run of {steps} optimizer {'step' if steps == 1 else 'steps'}"
        calls: dict[Place, dict[str, None]] = {}
        for row in self.rows:
            for sent in row.sent:
                at = sent.loss.defined or sent.loss.named.place
                calls.setdefault(session.calls_at[sent.number], {})[f"{row.name} ({at})"] = None
        for place, losses in calls.items():
            yield f"backward at {place}: {', '.join(losses)}"
        for loss, weight in self._weights().items():
            if weight == 0:
                yield f"{loss} has the weight 0: its gradient moves nothing"
        if lost := session.recorder.lost:
            yield f"{len(lost)} operations could not be recorded, cuts there are not found: {lost[0]}"
        for kind in session.waiting():
            yield f"an optimizer ({kind}) made no step in this run: --steps N runs longer"


def _rows(
    sent: Iterable[Sent], renamed: Mapping[str, tuple[str, int]], weight_name: Callable[[Sent], str]
) -> list[LossRow]:
    """Losses of one name at one place are one row; those of one name at several places get longer names."""
    groups: dict[tuple[Any, ...], list[Sent]] = {}
    for each in sent:
        name = _renamed(each, renamed) or weight_name(each) or each.loss.named.name
        place = replace(each.loss.named.place, text="", nth=1)
        groups.setdefault((name, place, tuple(spot[:2] for spot in each.site)), []).append(each)
    rows: dict[str, list[Sent]] = {}
    for (name, *_), members in groups.items():
        alike = [other for (other_name, *_), other in groups.items() if other_name == name]
        rows.setdefault(_told_apart(name, members, alike), []).extend(members)
    return [LossRow(name, members) for name, members in rows.items()]


def _told_apart(name: str, members: Sequence[Sent], alike: Sequence[Sequence[Sent]]) -> str:
    """A name that no other loss has: with that of the sum that it is in, of its function, or else with its line."""
    if len(alike) == 1:
        return name
    for label in (_by_root, _by_function, _by_line):
        labels = [label(name, other) for other in alike]
        own = label(name, members)
        if own != name and labels.count(own) == 1:
            return own
    return f"{name} (line {_calling_line(members, alike)})"


def _by_root(name: str, members: Sequence[Sent]) -> str:
    root = members[0].root
    return f"{root}.{name}" if root not in ("", name) else name


def _by_function(name: str, members: Sequence[Sent]) -> str:
    function = members[0].loss.named.place.function
    return f"{function}.{name}" if function != "<module>" else name


def _by_line(name: str, members: Sequence[Sent]) -> str:
    return f"{name} (line {members[0].loss.named.place.line})"


def _calling_line(members: Sequence[Sent], alike: Sequence[Sequence[Sent]]) -> int:
    """Of the outermost call that is another one than those of the others."""
    sites = [tuple(spot.f_lineno for spot in reversed(other[0].site)) for other in alike]
    own = tuple(spot.f_lineno for spot in reversed(members[0].site))
    for at, line in enumerate(own):
        if any(len(site) <= at or site[at] != line for site in sites):
            return line
    return own[-1] if own else 0


def _renamed(sent: Sent, renamed: Mapping[str, tuple[str, int]]) -> str:
    places = [place for place in (sent.loss.named.place, sent.loss.defined) if place]
    for name, (file, line) in renamed.items():
        if any(place.line == line and place.path.endswith(file) for place in places):
            return name
    return ""


def _call_names(named: Mapping[str, Named]) -> dict[int, tuple[str, str]]:
    found: dict[int, tuple[str, str]] = {}
    modules = {name: value for name, value in named.items() if isinstance(value, torch.nn.Module)}
    for column, module in sorted(modules.items(), key=lambda item: sum(1 for _ in item[1].modules())):
        for path, part in module.named_modules(prefix=column):
            found.setdefault(id(part), (path, column))
    return found
