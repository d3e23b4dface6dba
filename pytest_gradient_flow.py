"""The pytest plugin: a fixture that compares a trainer's gradient flow with its document.

It loads nothing until a test asks for the fixture: neither torch nor any package of this distribution.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

OPTION = "--gradient-flow-update"
WRITTEN = "gradient_flow_written"
"""The name under which a test reports a document that it wrote, also from another process."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("gradient flow")
    group.addoption(
        OPTION,
        action="store_true",
        help="Write what was measured into the documents of the tests that use gradient_flow; review the diff.",
    )


@pytest.fixture
def gradient_flow(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Compares a trainer with a document: ``gradient_flow(target, "FLOW.md")``. A drift fails the test.

    The trainer is an `audits.Target`, a function that returns one, its name as ``package.module:function``, or the
    path of a script, such as ``"train.py"``, which is run as it is. Paths start at pytest's root folder. Returns the
    comparison.
    """

    def check(trainer: Any, table: Path | str, **options: Any) -> Any:
        from jepa_cli.testing.checking import Failed, Options, checked

        asked = Options(**options)
        try:
            root, update = request.config.rootpath, bool(request.config.getoption(OPTION))
            comparison, written = checked(trainer, root / table, asked, root=root, update=update)
        except Failed as error:
            pytest.fail(str(error), pytrace=False)
        if written:
            request.node.user_properties.append((WRITTEN, str(table)))
        return comparison

    return check


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """The documents that an update wrote."""
    reports = [report for found in terminalreporter.stats.values() for report in found]
    properties = (pair for report in reports for pair in getattr(report, "user_properties", ()))
    for table in sorted({value for name, value in properties if name == WRITTEN}):
        terminalreporter.write_line(f"gradient flow: {table} written")
