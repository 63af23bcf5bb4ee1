"""One thread for the libraries of linear algebra, where there is little to compute.

Their threads wait for each other by spinning: on a core that others use too, a factor of a small
matrix takes a hundred times as long on two threads as on one.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any

__all__ = ["few_threads"]

# More equations than this are worth more threads.
_MOST = 1024


class _State:
    """Who computes on one thread, and how many threads there were before.

    Some libraries keep the number by thread, others for the process. So each thread sets it, and
    each gives back what the first one found: at worst another goes on with more threads.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.n_inside = 0
        self.before: Any = None
        self.own = threading.local()  # .depth: how often this thread is inside


_state = _State()


def _renew() -> None:
    """In a forked child, which has no thread that would give the others back."""
    global _state
    before, _state = _state.before, _State()
    if before is not None:
        before.restore_original_limits()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)


@contextmanager
def few_threads(n_equations: int) -> Iterator[None]:
    """Compute on one thread where there are few equations."""
    state = _state
    depth = getattr(state.own, "depth", 0)
    controller = None if n_equations > _MOST or depth else _controller()
    if controller is None:
        yield
        return
    with state.lock:
        limit = controller.limit(limits=1, user_api="blas")
        state.before = state.before or limit
        state.n_inside += 1
    state.own.depth = 1
    try:
        yield
    finally:
        state.own.depth = 0
        with state.lock:
            state.n_inside -= 1
            state.before.restore_original_limits()
            if state.n_inside == 0:
                state.before = None


@cache
def _controller() -> Any:
    """Return what sets the threads of these libraries; None without threadpoolctl."""
    with suppress(ModuleNotFoundError):
        import scipy.linalg  # noqa: F401  (whose library must be there to be found)
    try:
        from threadpoolctl import ThreadpoolController
    except ModuleNotFoundError:
        return None
    return ThreadpoolController()
