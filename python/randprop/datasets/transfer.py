"""Answers of web servers, of which no part can take for ever or have no end.

The limits hold for every byte that comes from the socket: status, headers, sizes of chunks,
trailers, the bodies of redirections. urllib's own timeout holds for each silence alone, so that a
server which sends a byte now and then keeps its client for ever.
"""

from __future__ import annotations

import io
import urllib.request
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from time import monotonic
from typing import Any

__all__ = ["FAILURES", "open_url"]

FAILURES = (OSError, ValueError, HTTPException)

_SILENCE = 30.0  # seconds without a byte
# A server that sends less than this after the first seconds hangs, though it never stops.
_LEAST_BYTES_PER_SECOND = 10_000.0
_MOST_SECONDS = 3600.0  # of one server: 170 MB at half a megabit a second
_MOST_BYTES = 1 << 28  # no data set has a file of it


def open_url(url: str, end: float) -> Any:
    """Return the answer to a GET of an http or https address, redirections followed.

    Raises one of `FAILURES`, as its reading does: also when it is slow, when it is long, and at
    `end` of `time.monotonic`.
    """
    limits = _Limits(end)
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.UnknownHandler(),  # what is neither, such as a redirection to file:
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPErrorProcessor(),
        _Http(limits),
        _Https(limits),
    ):
        opener.add_handler(handler)
    return opener.open(url, timeout=limits.left())


class _Limits:
    """How much has come, and how long it took."""

    def __init__(self, end: float) -> None:
        self._started = monotonic()
        self._end = min(end, self._started + _MOST_SECONDS)
        self._count = 0

    def left(self) -> float:
        """Return the seconds that the next silence may take; raise OSError if there are none."""
        now = monotonic()
        seconds = now - self._started
        if now >= self._end:
            raise TimeoutError(f"not complete in time: {self._count} bytes in {seconds:.0f} s")
        if seconds > _SILENCE and self._count < _LEAST_BYTES_PER_SECOND * seconds:
            raise TimeoutError(f"too slow: {self._count} bytes in {seconds:.0f} s")
        return min(_SILENCE, self._end - now)

    def add(self, count: int) -> None:
        """Count bytes; raise OSError if they are too many."""
        self._count += count
        if self._count > _MOST_BYTES:
            raise OSError(f"too long: more than {_MOST_BYTES} bytes")

    def over(self, kind: type[HTTPConnection]) -> Any:
        """Return what makes connections whose answers keep to the limits."""

        def connect(*arguments: Any, **options: Any) -> HTTPConnection:
            connection: Any = kind(*arguments, **options)
            connection.response_class = self._response
            return connection  # type: ignore[no-any-return]

        return connect

    def _response(self, sock: Any, *arguments: Any, **options: Any) -> HTTPResponse:
        response = HTTPResponse(sock, *arguments, **options)
        limited: Any = io.BufferedReader(_Limited(response.fp, sock, self))
        response.fp = limited
        return response


class _Limited(io.RawIOBase):
    """What comes from a socket, within limits."""

    def __init__(self, inner: Any, sock: Any, limits: _Limits) -> None:
        self._inner, self._sock, self._limits = inner, sock, limits

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what there is, and wait for it no longer than the limits say."""
        self._sock.settimeout(self._limits.left())
        count = int(self._inner.readinto1(buffer))
        self._limits.add(count)
        return count

    def close(self) -> None:
        """Close the socket's file too."""
        if not self.closed:
            super().close()
            self._inner.close()


class _Http(urllib.request.HTTPHandler):
    def __init__(self, limits: _Limits) -> None:
        super().__init__()
        self._connect = limits.over(HTTPConnection)

    def http_open(self, request: urllib.request.Request) -> HTTPResponse:
        return self.do_open(self._connect, request)


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, limits: _Limits) -> None:
        super().__init__()
        self._connect = limits.over(HTTPSConnection)

    def https_open(self, request: urllib.request.Request) -> HTTPResponse:
        return self.do_open(self._connect, request)
