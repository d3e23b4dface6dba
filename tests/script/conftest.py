"""Scripts run in this process, where thousands of other tests have left their objects."""

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="package")
def no_other_objects() -> Iterator[None]:
    """As in a process of its own, a script's modules are looked for among few other objects."""
    gc.freeze()
    yield
    gc.unfreeze()
