import itertools
import threading
import time

import pytest

from jepa_world_model.data.prefetch import prefetch


def workers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("jepa-prefetch")]


@pytest.mark.parametrize("depth", [0, 1, 2, 10])
def test_values_come_in_order(depth: int) -> None:
    assert list(prefetch(lambda step: step * step, range(7), depth)) == [step * step for step in range(7)]
    assert not workers()


def test_work_is_done_ahead_but_not_further_than_depth() -> None:
    begun: list[int] = []
    ahead = prefetch(lambda step: begun.append(step) or step, itertools.count(), depth=3)
    next(ahead)
    deadline = time.monotonic() + 5
    while len(begun) < 4 and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(0.02)
    assert begun == [0, 1, 2, 3]
    ahead.close()


def test_reading_hides_behind_the_consumer() -> None:
    """A value is computed in the other thread while the consumer holds the one before it."""
    second_begun = threading.Event()

    def work(step: int) -> int:
        if step == 1:
            second_begun.set()
        return step

    ahead = prefetch(work, range(2), depth=1)
    next(ahead)
    assert second_begun.wait(timeout=5)
    ahead.close()


def test_an_exception_reaches_the_consumer_in_its_place() -> None:
    def work(step: int) -> int:
        if step == 2:
            raise OSError("disk on fire")
        return step

    ahead = prefetch(work, range(10))
    assert [next(ahead), next(ahead)] == [0, 1]
    with pytest.raises(OSError, match="disk on fire"):
        next(ahead)
    assert not workers()


def test_leaving_the_loop_leaves_no_thread() -> None:
    for value in prefetch(lambda step: step, itertools.count(), depth=4):
        if value == 3:
            break
    assert not workers()


def test_closing_waits_for_what_has_begun_and_drops_the_rest() -> None:
    begun, ended, release = [], [], threading.Event()

    def work(step: int) -> int:
        begun.append(step)
        assert step == 0 or release.wait(timeout=5)
        ended.append(step)
        return step

    ahead = prefetch(work, itertools.count(), depth=4)
    next(ahead)
    threading.Timer(0.05, release.set).start()  # after close() has begun
    ahead.close()
    assert begun == ended
    assert begun in ([0], [0, 1])
