"""The scheduler of a dask cluster, reached by its address."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from time import monotonic, sleep
from typing import Any

__all__ = ["on_scheduler"]

_UNTIL_THERE = 60.0  # seconds: in one job, the scheduler may start after its client
_UNTIL_IT_SPEAKS = 30.0  # a busy scheduler takes its time
_GREETING = 8  # bytes: a scheduler begins with the number of frames of its first message
_MOST_FRAMES = 1 << 16


@contextmanager
def on_scheduler(address: str) -> Iterator[Executor]:
    """Give the executor of a scheduler's workers.

    Raises ImportError without distributed, ValueError where the address is none, OSError where
    nothing answers or what answers is no scheduler.
    """
    try:
        import distributed
    except ImportError:
        raise ImportError(
            "executor is the address of a dask scheduler, which needs distributed; install it: "
            "pip install distributed"
        ) from None
    host, port = _place(address)
    if port is not None:
        _wait_for(address, host, port)
    connect: Any = distributed.Client
    try:
        client = connect(address, set_as_default=False)
    except (ValueError, TypeError) as error:
        raise ValueError(f"executor {address!r} cannot be used: {error}") from None
    with client, client.get_executor() as workers:
        yield workers


def _place(address: str) -> tuple[str, int | None]:
    """Return host and port; no port where the kind of connection is none that is looked at."""
    from distributed.comm.addressing import parse_address, parse_host_port
    from distributed.comm.registry import get_backend

    try:
        kind, place = parse_address(address, strict=True)
        get_backend(kind)  # a client of an unknown kind would never end
        host, port = parse_host_port(place, 8786)
    except ValueError as error:
        raise ValueError(f"executor {address!r} is not an address: {error}") from None
    return host, port if kind == "tcp" else None


def _wait_for(address: str, host: str, port: int) -> None:
    """Wait until a scheduler is there; a client would wait for ever for what is none."""
    end = monotonic() + _UNTIL_THERE
    while True:
        try:
            with socket.create_connection((host, port), timeout=_UNTIL_IT_SPEAKS) as stream:
                greeting = _first_bytes(stream)
            break
        except socket.gaierror as error:
            raise OSError(f"executor {address!r}: the host is not known: {error}") from None
        except OSError as error:
            if monotonic() > end:
                raise OSError(
                    f"executor {address!r}: no scheduler was there for {_UNTIL_THERE:.0f} "
                    f"seconds: {error}"
                ) from None
            sleep(0.25)
    if len(greeting) < _GREETING or int.from_bytes(greeting, "little") > _MOST_FRAMES:
        raise OSError(
            f"executor {address!r}: something answers there, but it is no dask scheduler; its "
            "usual port is 8786, and 8787 is that of its web page"
        )


def _first_bytes(stream: socket.socket) -> bytes:
    found = b""
    try:
        while len(found) < _GREETING:
            more = stream.recv(_GREETING - len(found))
            if not more:
                break
            found += more
    except TimeoutError:
        pass
    return found
