"""Proofs of connections: neither open streams nor clients who linger keep others from being answered."""

import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from statistics import median

import pytest

from tests.proofs import (
    FIRST,
    MEMBERS,
    PATIENCE,
    Site,
    Stream,
    check_ensemble,
    ensemble,
    eventually,
)

pytestmark = pytest.mark.proof

STREAMS = 250
CAP = 48  # of a worker


def test_open_streams_leave_threads_for_others(site: Site, tell: Callable[[str], None]) -> None:
    site.publish(FIRST, 10.0)
    with site.serving() as server, ThreadPoolExecutor(1) as clients:
        site.front.hold()
        waiting = clients.submit(server.ask, "/sim/spaceshot", ensemble(1))
        eventually(lambda: site.front.held == MEMBERS, "a run held open")
        identity = next((site.data / "progress").glob("[0-9a-f]*.json")).stem
        streams = [Stream(server, identity) for _ in range(STREAMS)]
        eventually(lambda: all(stream.events for stream in streams), "every stream has told the state")
        open_streams = server.figure("habsim_streams")
        eventually(
            lambda: sum(not stream.ended for stream in streams) == open_streams, "those over the cap end"
        )
        over = [stream for stream in streams if stream.ended]
        assert len(over) >= STREAMS - 4 * CAP
        for stream in over:
            assert stream.lines[:3] == ["200\n", "retry: 2000\n", "\n"]
            assert [line.partition(":")[0] for line in stream.lines[3:]] == ["id", "data", "\n"]
        seconds = []
        for _ in range(40):
            began = time.perf_counter()
            assert server.ask("/health").status == 200
            seconds.append(time.perf_counter() - began)
        tell(
            f"{len(streams) - len(over)} streams open of {STREAMS} asked for: "
            f"40 of 40 looks at /health answered, median {1e3 * median(seconds):.1f} ms"
        )
        still = [stream for stream in streams if not stream.ended]
        gone, kept = still[:20], still[20:]
        for stream in gone:
            stream.leave()
        eventually(lambda: server.figure("habsim_streams") == len(kept), "closed tabs free their places")
        site.front.release()
        check_ensemble(waiting.result().json(), ensemble(1), 10.0)
        eventually(lambda: all(stream.ended for stream in streams), "the streams end with the run")
        assert {stream.events[-1]["status"] for stream in kept} == {"complete"}
        assert server.figure("habsim_streams") == 0


def test_clients_who_do_not_close_keep_nobody_waiting(site: Site) -> None:
    """A worker that waited 2 s for each on the thread that accepts would need 20 s, twice the limit here."""
    with site.serving(WEB_CONCURRENCY="1") as server, ExitStack() as lingering:
        deadline = time.monotonic() + 10.0
        for _ in range(11):
            client = socket.create_connection(("127.0.0.1", server.port), PATIENCE)
            lingering.enter_context(client)
            client.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            assert client.recv(1 << 16).startswith(b"HTTP/1.1 200")
            assert time.monotonic() < deadline
