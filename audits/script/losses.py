"""What goes backward, taken apart into losses, each with its weight and the name that the source gives it."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from types import CodeType

from audits.graph import LEAF
from audits.places import Place
from audits.recording.source_lines import Sources, Spot
from audits.script.sums import Addition, Part, Sums
from audits.script.syntax import (
    Tree,
    assigned_in,
    bound,
    called,
    container,
    expression_in,
    held_in,
    name_in,
    operand,
    text_of,
)

SAYING_NOTHING = "loss losses l out output outputs res result ret value val total total_loss loss_value x"
GENERIC = frozenset(SAYING_NOTHING.split())
"""Names that a function has for whatever it returns."""


@dataclass(frozen=True)
class LossName:
    """What a loss is called, and where the source calls it so."""

    name: str
    place: Place
    is_expression: bool = False
    """Whether it has no name but what it is."""
    is_argument: bool = False
    """Whether it is only what a function calls what it is given, or a loop what it is at."""


@dataclass(frozen=True)
class Summand:
    """One summand of what goes backward."""

    named: LossName
    value: int
    index: int
    weight: float
    live: bool = True
    """Whether it takes gradient."""
    defined: Place | None = None
    """Where it was computed."""


class Losses:
    """Takes sums apart."""

    def __init__(self, sums: Sums, sources: Sources) -> None:
        self._sums, self._sources = sums, sources
        self._named_below: dict[tuple[int, int, int], bool] = {}

    def of(self, root: int, size: int, written: LossName | None) -> list[Summand]:
        """All losses in a value that goes backward. `written`: what it is called where it does."""
        found: list[Summand] = []
        used = None if written and written.is_argument else written
        for index in range(size):
            found += self._expanded(root, index, 1.0, used, at_root=True)
        is_one = len(found) == 1 or (all(loss.named.is_expression for loss in found) and len(_names(found)) == 1)
        if written and is_one and not written.is_argument:
            if not all(loss.live and loss.weight for loss in found):
                return [replace(loss, named=written) for loss in found]
            if len(found) == 1:  # the variable has the factor in it
                return [replace(found[0], named=written, value=root, index=0, weight=1.0)]
            return [self._loss(root, index, 1.0, written) for index in range(size)]
        return found

    def written(
        self, root: int, held: Sequence[tuple[str, CodeType]], call: Spot | None, number: int = 0
    ) -> LossName | None:
        """What the script calls a value that goes backward: the variable that it was assigned to, or else that of the
        outermost function which holds it; or what it is called where it goes backward."""
        if call is None:
            return None
        place = self._sources.expression(call)
        defined = self._defined(root)
        if defined and any(name == defined.name and _is_of(defined.place, code) for name, code in held):
            return defined
        tree, node = expression_in(call)
        sent = _root(node, number) if isinstance(node, ast.Call) else None
        name = name_in(tree, sent)
        if held:
            variable, code = held[-1]
            is_turn = isinstance(sent, ast.Name) and sent.id == variable and not name
            return LossName(variable, place, is_argument=is_turn or variable in code.co_varnames[: code.co_argcount])
        return LossName(name, place) if name else defined

    def _expanded(
        self,
        value: int,
        index: int,
        weight: float,
        used: LossName | None,
        *,
        at_root: bool = False,
        live: bool = True,
    ) -> Iterator[Summand]:
        """A value as it is, or what it was added up from, if that has names or is the sum that goes backward."""
        added = self._sums.of.get(value)
        known = used or self._defined(value)
        if added and added.rows[index] is None:
            yield self._product(value, index, weight, added, known)
        elif not (summands := self._summands(value, index)):
            yield self._loss(value, index, weight, known, live=live)
        elif self._is_taken_apart(value, summands, known, at_root=at_root):
            together = self._together(summands)
            for owner, part, factor in summands:
                yield from self._expanded(
                    part.value,
                    part.index,
                    weight * factor * part.coefficient(),
                    together or self._used(owner, part),
                    at_root=at_root and len(summands) == 1,
                    live=part.live,
                )
        else:
            yield self._loss(value, index, weight, known, live=live)

    def _together(self, summands: Sequence[tuple[int, Part, float]]) -> LossName | None:
        """The list that losses without names were put into at one place, such as in a loop: ``torch.stack(losses)``."""
        owner, inside = summands[0][0], [(owner, part) for owner, part, _ in summands]
        vectors = {part.value for _, part in inside}
        if len(vectors) == 1 and (stacked := self._sums.of.get(vectors.copy().pop())):  # torch.stack(losses).sum()
            owner = vectors.pop()
            inside = [(owner, row[0]) for row in stacked.rows if row]
        places = {frames[0][:2] for _, part in inside if (frames := self._sums.frames.get(part.value))}
        if len(inside) < 2 or len(places) != 1 or any(self._used(*each) for each in inside):
            return None
        frames = self._sums.frames.get(owner)
        name = container(expression_in(frames[0])[1]) if frames else ""
        return LossName(name, self._sources.expression(frames[0])) if frames and name else None

    def _summands(self, value: int, index: int) -> list[tuple[int, Part, float]]:
        """What a value was added up from, the sum so far included, however often something was added to it: in which
        sum, and times which factor of that. Empty for what is no sum."""
        found: list[list[tuple[int, Part, float]]] = []
        factor = 1.0
        while (added := self._sums.of.get(value)) and (parts := added.rows[index]):
            before = next((part for part in parts if self._goes_on(value, part)), None)
            found.append([(value, part, factor) for part in parts if part is not before])
            if before is None:
                break
            value, index, factor = before.value, before.index, factor * before.coefficient()
        return [summand for summands in reversed(found) for summand in summands]

    def _is_taken_apart(
        self, value: int, summands: Sequence[tuple[int, Part, float]], known: LossName | None, *, at_root: bool
    ) -> bool:
        if len(summands) > 1 and at_root:
            return True
        if known is None and not self._is_returned(value):
            return True
        if at_root and self._leads_to_sum(summands[0][1]):
            return True
        if known and len(summands) == 1 and not at_root and self._comes_from_elsewhere(known, summands[0]):
            return False
        return any(self._has_name(owner, part) for owner, part, _ in summands)

    def _leads_to_sum(self, part: Part) -> bool:
        """Whether there is a sum below some factors."""
        below = self._summands(part.value, part.index)
        while len(below) == 1:
            below = self._summands(below[0][1].value, below[0][1].index)
        return bool(below)

    def _comes_from_elsewhere(self, known: LossName, summand: tuple[int, Part, float]) -> bool:
        """Whether a scaled value has its name in one function, and what was scaled in another one."""
        _, part, _ = summand
        below = self._summands(part.value, part.index)
        if len(below) > 1 and any(self._has_name(owner, each) for owner, each, _ in below):
            return False
        inner = self._sums.frames.get(part.value)
        return bool(inner) and not _is_of(known.place, inner[0].f_code)

    def _is_returned(self, value: int) -> bool:
        """Whether a function computes and returns a value in one expression, so that its call is what it is."""
        frames = self._sums.frames.get(value)
        tree, node = expression_in(frames[0]) if frames else (None, None)
        return tree is not None and node is not None and bound(tree, node).returned

    def _goes_on(self, value: int, part: Part) -> bool:
        """Whether a summand is the sum so far: of ``sum(losses)``, of ``total += loss``, of ``loss = loss + kl``."""
        mine, before = self._sums.frames.get(value), self._sums.frames.get(part.value)
        added = self._sums.of.get(part.value)
        if not mine or not before or not added or not added.rows[part.index]:
            return False
        if mine[0][:2] == before[0][:2]:
            return True
        tree, node = expression_in(mine[0])
        if node is None:
            return False
        name = name_in(tree, operand(tree, node, part.side))
        return bool(name) and assigned_in(tree, node) == name and mine[0].f_code is before[0].f_code

    def _has_name(self, value: int, part: Part) -> bool:
        """Whether a summand, or something that it was added up from, is called something."""
        key = value, part.value, part.index
        if key not in self._named_below:
            self._named_below[key] = self._finds_name(value, part)
        return self._named_below[key]

    def _finds_name(self, value: int, part: Part) -> bool:
        if self.is_weight(part.value):
            return False
        if self._used(value, part) or self._defined(part.value):
            return True
        added = self._sums.of.get(part.value)
        if added and added.rows[part.index] is None:
            return bool(added.mains and added.mains[part.index])
        return any(self._has_name(owner, below) for owner, below, _ in self._summands(part.value, part.index))

    def _is_many(self, value: int) -> bool:
        """Whether several losses were put together in a value, whose name is not theirs."""
        added = self._sums.of.get(value)
        return added is not None and len(added.rows) > 1

    def named(self, value: int) -> LossName | None:
        """What the source calls a value where it computes it."""
        return self._defined(value)

    def is_called(self, value: int, word: str) -> bool:
        """Whether a word is in the name of a value, or in that of what holds it."""
        spots = self._sums.frames.get(value, ())
        if (name := self._defined(value)) is None:
            return False
        holding = (held_in(*expression_in(spot)) for spot in spots)
        return word in name.name.lower() or word in next(filter(None, holding), "").lower()

    def is_weight(self, value: int) -> bool:
        """Whether a value is a parameter as it is."""
        edge = self._sums.edges.get(value)
        return edge is not None and type(edge.node).__name__ == LEAF

    def _product(self, value: int, index: int, weight: float, added: Addition, known: LossName | None) -> Summand:
        """A loss times its learned weight, called by the loss."""
        main = added.mains[index] if added.mains else None
        inner = (self._used(value, main) or self._inner(main)) if main else None
        return self._loss(value, index, weight, inner or known)

    def _inner(self, part: Part) -> LossName | None:
        found = list(self._expanded(part.value, part.index, 1.0, None))
        if len(found) == 1:
            return found[0].named
        return self._defined(part.value)

    def _loss(self, value: int, index: int, weight: float, known: LossName | None, *, live: bool = True) -> Summand:
        at = None if self.is_weight(value) else self._place(value)
        return Summand(known or self._expression(value), value, index, weight, live, at)

    # ------------------------------------------------------------------------------------------------------- names

    def _used(self, value: int, part: Part) -> LossName | None:
        """What a summand is called in the sum: a variable, a key, an attribute."""
        frames = self._sums.frames.get(value)
        if not frames or self._is_many(part.value):
            return None
        tree, node = expression_in(frames[0])
        written = operand(tree, node, part.side) if node is not None else None
        name = name_in(tree, written)
        place = self._sources.expression(frames[0])
        if name and not self._is_accumulator(tree, node, name, part):
            return LossName(name, place)
        keys = [key for key in part.names if key.startswith("[")]
        by_key = LossName(keys[0][1:-1], place) if keys else None
        if by_key and (written is not None or _goes_through_keys(node)):
            return by_key
        if defined := self._defined(part.value):
            return self._inline(part.value, frames[0], defined) or defined
        target = assigned_in(tree, node) if node is not None else ""
        variables = [name for name in part.names if not name.startswith("[") and name != target]
        return LossName(variables[0], place) if written is None and variables else by_key

    def _inline(self, value: int, here: Spot, defined: LossName) -> LossName | None:
        """The call that gives a summand, where the function that it calls has a name for it that says nothing."""
        if defined.name not in GENERIC or _is_of(defined.place, here.f_code):
            return None
        frames = self._sums.frames.get(value, ())
        at = next((number for number, spot in enumerate(frames) if spot.f_code is here.f_code), 0)
        _, node = expression_in(frames[at]) if at else (None, None)
        if node is None or not isinstance(node, ast.expr):
            return None
        return LossName(text_of(node), self._sources.expression(frames[at]), is_expression=True)

    def _is_accumulator(self, tree: Tree, node: ast.AST | None, name: str, part: Part) -> bool:
        """``loss`` in ``loss = loss + kl``, where the sum so far has parts with names, or a name of its own."""
        if node is None or assigned_in(tree, node) != name:
            return False
        if not isinstance(node, ast.BinOp | ast.AugAssign):  # loss = loss.mean()
            return part.value in self._sums.of
        return part.value in self._sums.of or self._defined(part.value) is not None

    def _defined(self, value: int) -> LossName | None:
        """What a value is assigned to where it is computed, or where the function that computes it is called."""
        index: int | None = None
        for spot in () if self._is_many(value) else self._sums.frames.get(value, ()):
            tree, node = expression_in(spot)
            if node is None or isinstance(node, ast.stmt):
                if isinstance(node, ast.AugAssign):
                    return self._named(name_in(tree, node.target), spot)
                return None
            found = bound(tree, node, index)
            if found.name:
                return self._named(found.name, spot)
            if not found.returned:
                return None
            index = found.index
        return None

    def _named(self, name: str, spot: Spot) -> LossName | None:
        return LossName(name, self._sources.expression(spot)) if name else None

    def _expression(self, value: int) -> LossName:
        """The expression that computes a value, outside of the functions that return it."""
        last = None
        for spot in self._sums.frames.get(value, ()):
            tree, node = expression_in(spot)
            if node is None:
                break
            last = LossName(text_of(node), self._sources.expression(spot), is_expression=True)
            if not bound(tree, node).returned:
                break
        return last or LossName("loss", Place("", 0, "", ""))

    def _place(self, value: int) -> Place | None:
        frames = self._sums.frames.get(value)
        return self._sources.expression(frames[0]) if frames else None


def _goes_through_keys(node: ast.AST | None) -> bool:
    """``sum(losses.values())``"""
    return node is not None and any(
        isinstance(each, ast.Attribute) and each.attr in ("values", "items") for each in ast.walk(node)
    )


def _is_of(place: Place, code: CodeType) -> bool:
    return place.path == code.co_filename and place.function == code.co_qualname.replace("<locals>.", "")


def _names(losses: Sequence[Summand]) -> set[LossName]:
    return {loss.named for loss in losses}


def _root(call: ast.Call, number: int) -> ast.AST | None:
    if not any(word in called(call) for word in ("backward", "grad")):
        return None
    if call.args:
        first = call.args[0]
        if isinstance(first, ast.List | ast.Tuple):
            return first.elts[number] if number < len(first.elts) else None
        return first
    node = call.func.value if isinstance(call.func, ast.Attribute) else None
    if isinstance(node, ast.Call) and len(node.args) == 1:  # scaler.scale(loss).backward()
        return node.args[0]
    return node
