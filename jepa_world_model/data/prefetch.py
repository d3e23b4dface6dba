"""Computing ahead in the background, so that reading from disk hides behind the training step."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Value = TypeVar("Value")


def prefetch(function: Callable[[int], Value], steps: Iterable[int], depth: int = 2) -> Generator[Value, None, None]:
    """Yield ``function(step)`` for each step in order, while one thread works up to ``depth`` steps ahead.

    An exception of ``function`` is raised where its value would have been yielded. Closing the generator drops what
    has not begun and waits for what has.
    """
    pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="jepa-prefetch")
    pending: deque[Future[Value]] = deque()
    try:
        for step in steps:
            pending.append(pool.submit(function, step))
            if len(pending) > depth:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
