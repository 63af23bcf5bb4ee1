"""One thread for the libraries of linear algebra, where there is little to compute.

Their threads wait for each other by spinning: on a core that others use too, a factor of a small
matrix takes a hundred times as long on two threads as on one.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["few_threads"]

# More equations than this are worth more threads.
_MOST = 1024


class _Limit:
    """What is held while anybody computes on one thread: the number of threads is the process's."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.depth = 0
        self.held: Any = None


_limit = _Limit()
_controller: Any = None


def _renew() -> None:
    """In a forked child, which has no thread that would give the others back."""
    global _limit
    held, _limit = _limit.held, _Limit()
    if held is not None:
        held.restore_original_limits()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)


@contextmanager
def few_threads(n_equations: int) -> Iterator[None]:
    """Compute on one thread where there are few equations."""
    if n_equations > _MOST:
        yield
        return
    limit = _limit
    with limit.lock:
        if limit.depth == 0:
            limit.held = _one_thread()
        limit.depth += 1
    try:
        yield
    finally:
        with limit.lock:
            limit.depth -= 1
            if limit.depth == 0:
                limit.held.restore_original_limits()
                limit.held = None


def _one_thread() -> Any:
    global _controller
    if _controller is None:
        import scipy.linalg  # noqa: F401  (whose library must be there to be found)
        from threadpoolctl import ThreadpoolController

        _controller = ThreadpoolController()
    return _controller.limit(limits=1, user_api="blas")
