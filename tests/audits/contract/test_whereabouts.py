"""A stop that is gone is looked for in the function that had it."""

import inspect

from audits.contract import whereabouts
from audits.contract.whereabouts import function_of


class Holder:
    """Has a method with a function inside."""

    def method(self) -> int:
        def inner() -> int:
            return 1

        return inner()


def test_the_line_is_that_of_the_function() -> None:
    place = function_of("audits.contract.whereabouts.function_of: key.detach()")
    assert place is not None
    assert place.line == inspect.getsourcelines(function_of)[1]
    assert (place.path, place.function, place.text) == (whereabouts.__file__, "function_of", "key.detach()")


def test_methods_and_functions_inside_of_functions_are_found() -> None:
    _, first = inspect.getsourcelines(Holder.method)
    for name, line in (("Holder.method", first), ("Holder.method.inner", first + 1)):
        place = function_of(f"{__name__}.{name}: z.detach()")
        assert place is not None
        assert place.line == line


def test_what_is_not_there_is_nowhere() -> None:
    assert function_of("audits.contract.whereabouts.gone: z.detach()") is None
    assert function_of("no.such.module.f: z.detach()") is None
