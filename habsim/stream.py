"""A run's progress as server-sent events (HTML Living Standard, section 9.2)."""

import json
import time
from collections.abc import Callable, Iterator
from socket import MSG_DONTWAIT, MSG_PEEK, socket
from threading import BoundedSemaphore
from typing import Protocol

from flask import Response

from habsim.progress import ERROR, Progress
from habsim.runs import Runs

_STREAMS = 48  # of a worker's 64 threads: the others answer requests
_TICK = 0.1  # s, between looks at the run: at most ten events a second
_HEARTBEAT = 9.0  # s
_RETRY = "retry: 2000\n\n"  # ms, after which a browser connects again


def snapshot(runs: Runs, identity: str) -> Iterator[str]:
    """Yield the present state and end; a browser then polls."""
    yield _RETRY
    state, version = runs.board.look(identity, None)
    if state is not None:
        yield _event(state, version)


def events(runs: Runs, identity: str, wanted: Callable[[], bool]) -> Iterator[str]:
    """Yield every change of a run's state until the last one, while `wanted`."""
    yield _RETRY
    seen, spoken = None, time.monotonic()
    while wanted():
        state, version = runs.board.look(identity, seen)
        if state is None and time.monotonic() - spoken >= _HEARTBEAT:
            if runs.progress(identity) is None:
                state = Progress(0, 0, ERROR, "the run was cut short: ask again", "NotFoundError")
            else:
                spoken = time.monotonic()
                yield ": heartbeat\n\n"
        if state is not None:
            seen, spoken = version, time.monotonic()
            yield _event(state, version)
            if state.final:
                return
        time.sleep(_TICK)


def _event(state: Progress, version: int) -> str:
    return f"id: {version}\ndata: {json.dumps(state.as_json())}\n\n"


class Gauge(Protocol):
    """What counts the open streams."""

    def inc(self) -> None:
        """Count one more."""

    def dec(self) -> None:
        """Count one less."""


class Streams:
    """The open streams of a worker; past their cap, one state and the end.

    `alive` says whether the worker goes on; streams end when it does not.
    """

    def __init__(self, runs: Runs, gauge: Gauge) -> None:
        self.alive: Callable[[], bool] = lambda: True
        self._runs = runs
        self._gauge = gauge
        self._free = BoundedSemaphore(_STREAMS)

    def response(self, identity: str, client: socket | None) -> Response:
        """Return the stream of a run; it ends early when the connection `client` does."""
        if self._free.acquire(blocking=False):
            self._gauge.inc()
            told = events(self._runs, identity, lambda: self.alive() and not _left(client))
            response = Response(told, mimetype="text/event-stream")
            response.call_on_close(self._gauge.dec)
            response.call_on_close(self._free.release)
        else:
            response = Response(snapshot(self._runs, identity), mimetype="text/event-stream")
        response.headers["Cache-Control"] = "no-cache, no-transform"
        response.headers["X-Accel-Buffering"] = "no"
        return response


def _left(client: socket | None) -> bool:
    """Return whether the other end has closed the connection."""
    try:
        return client is not None and client.recv(1, MSG_PEEK | MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
