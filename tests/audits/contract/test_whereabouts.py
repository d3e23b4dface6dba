"""A stop that is gone is looked for where it stood."""

import inspect

from audits.contract import whereabouts
from audits.contract.whereabouts import place_of
from audits.places import Place


class Holder:
    """Has a method with a function inside."""

    def method(self, scale: int) -> int:
        first = scale + 1

        def inner() -> int:
            return first

        return inner() + scale


def line(function: object, below: int = 0) -> int:
    return inspect.getsourcelines(function)[1] + below  # pyright: ignore[reportArgumentType]


def test_a_line_that_has_once_what_was_stopped() -> None:
    place = place_of(f"{__name__}.Holder.method: stop(first)", None)
    assert place is not None
    assert (place.line, place.function) == (line(Holder.method, 4), "Holder.method")


def test_where_the_gradient_passes_in_the_same_function() -> None:
    passes = Place(__file__, 1000, __name__, "Holder.method", "inner()")
    assert place_of(f"{__name__}.Holder.method: first.detach()", passes) == passes


def test_where_the_gradient_passes_if_it_may_be_any_line() -> None:
    passes = Place("trainer.py", 1000, "trainer", "losses", "call(z)")
    assert place_of(f"{__name__}.Holder.method: scale.detach()", passes) == passes


def test_a_declared_stop_stood_in_the_signature() -> None:
    passes = Place(__file__, 1000, __name__, "line", "call(z)")
    place = place_of(f"{__name__}.line: sg_z", passes)
    assert place is not None
    assert place.line == line(line)


def test_methods_and_functions_inside_of_functions_are_found() -> None:
    for name, number in (("Holder.method", line(Holder.method)), ("Holder.method.inner", line(Holder.method, 3))):
        place = place_of(f"{__name__}.{name}: nothing.detach()", None)
        assert place is not None
        assert place.line == number


def test_what_is_not_there_is_nowhere() -> None:
    passes = Place("trainer.py", 3, "trainer", "losses", "call(z)")
    for expression in (f"{whereabouts.__name__}.gone: z.detach()", "no.such.module.f: z.detach()"):
        assert place_of(expression, None) is None
        assert place_of(expression, passes) == passes
