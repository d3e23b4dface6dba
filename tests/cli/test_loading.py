"""Loading libraries leaves the collection of garbage as it was."""

import gc
from collections.abc import Iterator

import pytest

from jepa_cli.terminal.loading import loading


@pytest.fixture
def collects_as_before() -> Iterator[None]:
    before = gc.isenabled()
    yield
    (gc.enable if before else gc.disable)()


@pytest.mark.usefixtures("collects_as_before")
@pytest.mark.parametrize("collects", [True, False])
def test_garbage_is_collected_afterwards_as_before(collects: bool) -> None:
    (gc.enable if collects else gc.disable)()
    with loading():
        assert not gc.isenabled()
    assert gc.isenabled() is collects
    with pytest.raises(ImportError), loading():
        raise ImportError
    assert gc.isenabled() is collects
    assert gc.get_freeze_count() == 0
