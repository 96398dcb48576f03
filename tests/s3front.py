"""A front of an S3 service that counts what is asked for, and holds up, damages or refuses answers as told.

It knows objects by name, where the wire of `tests.s3server` knows bytes.
"""

import http.client
import math
import re
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum, auto
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from time import sleep
from typing import Any
from urllib.parse import urlsplit

_PIECES = 8  # of a slow answer
_PAUSE = 0.1  # s, before each of them
_PASSED_ON = ("transfer-encoding", "connection", "content-length")  # told anew, not passed on


class Fault(Enum):
    """What can happen to an answer."""

    SLOW = auto()  # its bytes come in pieces
    CUT = auto()  # the connection breaks in the middle
    SPOILT = auto()  # one byte in the middle is another
    REFUSED = auto()  # 503 instead
    SHIFTED = auto()  # the bytes are those from one further on, and said to be
    SHORT = auto()  # the second half of the bytes is not there, nor said to be
    UNRANGED = auto()  # the bytes are said to be all of the object


class Front:
    """Listens on `port` and passes on to the service at port `target`.

    Faults meet transfers of members (`*.npz`), refusals everything.  Each answer is `pause` (s) late.
    """

    def __init__(self, target: int) -> None:
        self.asked: Counter[str] = Counter()  # transfers, by the object's name
        self.held = 0  # transfers stopped in the middle now
        self.struck = 0  # answers that met a fault
        self.pause = 0.0
        self.sent = 0  # bytes of members
        self._target = target
        self._lock = Lock()
        self._flowing = Event()
        self._flowing.set()
        self._fault: Fault | None = None
        self._times = 0.0
        self._open: set[socket.socket] = set()
        self._server, self._thread = self._listening(0)
        self.port = int(self._server.server_address[1])

    def hold(self) -> None:
        """Stop each transfer of a member in its middle, until `release`."""
        self._flowing.clear()

    def release(self) -> None:
        """Let what is held go on."""
        self._flowing.set()

    def strike(self, fault: Fault, times: float = math.inf) -> None:
        """Let `fault` meet the next transfers, `times` of them."""
        with self._lock:
            self._fault, self._times = fault, times

    def heal(self) -> None:
        """Let no further fault happen."""
        with self._lock:
            self._fault = None

    def leave(self) -> None:
        """Break all connections, and let nobody listen."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        for connection in tuple(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def come_back(self) -> None:
        """Listen again, where it was."""
        self._server, self._thread = self._listening(self.port)

    def _listening(self, port: int) -> tuple[ThreadingHTTPServer, Thread]:
        front = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self) -> None:
                super().setup()
                front._open.add(self.connection)

            def finish(self) -> None:
                front._open.discard(self.connection)
                with suppress(OSError):
                    super().finish()

            def handle(self) -> None:
                with suppress(OSError):
                    super().handle()

            def do_GET(self) -> None:
                front._answer(self)

            def do_HEAD(self) -> None:
                front._answer(self)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        return server, thread

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        name = urlsplit(handler.path).path.rpartition("/")[2]
        transfer = handler.command == "GET" and name.endswith(".npz")
        with self._lock:
            self.asked[name] += handler.command == "GET"
        fault = self._due(transfer)
        sleep(self.pause)
        if fault is Fault.REFUSED:
            status, headers, body = 503, [("Content-Length", "0")], b""
        else:
            status, headers, body = _misranged(fault, *self._fetch(handler))
        if transfer:
            with self._lock:
                self.sent += len(body)
        middle = len(body) // 2
        if fault is Fault.SPOILT:
            body = body[:middle] + bytes([body[middle] ^ 0xFF]) + body[middle + 1 :]
        handler.send_response_only(status)
        for header in headers:
            handler.send_header(*header)
        handler.end_headers()
        handler.wfile.write(body[:middle])
        if fault is Fault.CUT:
            handler.close_connection = True
            return
        if transfer:
            self._wait()
        for piece in _pieces(body[middle:], _PIECES if fault is Fault.SLOW else 1):
            sleep(_PAUSE if fault is Fault.SLOW else 0.0)
            handler.wfile.write(piece)

    def _due(self, transfer: bool) -> Fault | None:
        """Return what meets an answer."""
        with self._lock:
            if self._fault is None or not (transfer or self._fault is Fault.REFUSED) or self._times < 1:
                return None
            self._times -= 1
            self.struck += 1
            return self._fault

    def _wait(self) -> None:
        with self._lock:
            self.held += 1
        self._flowing.wait()
        with self._lock:
            self.held -= 1

    def _fetch(self, handler: BaseHTTPRequestHandler) -> tuple[int, list[tuple[str, str]], bytes]:
        """Return status, headers and body of the service's answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self._target, timeout=30.0)
        try:
            connection.putrequest(handler.command, handler.path, skip_host=True, skip_accept_encoding=True)
            for header in handler.headers.items():
                connection.putheader(*header)
            connection.endheaders()
            response = connection.getresponse()
            headers = [pair for pair in response.getheaders() if pair[0].lower() not in _PASSED_ON]
            body = response.read()
            length = response.headers["Content-Length"] if handler.command == "HEAD" else len(body)
            return response.status, [*headers, ("Content-Length", str(length or 0))], body
        finally:
            connection.close()


def _misranged(
    fault: Fault | None, status: int, headers: list[tuple[str, str]], body: bytes
) -> tuple[int, list[tuple[str, str]], bytes]:
    """Return an answer as a service would give it that takes the range for another one."""
    told = dict(headers)
    if status != 206 or fault not in (Fault.SHIFTED, Fault.SHORT, Fault.UNRANGED):
        return status, headers, body
    first, last, size = map(int, re.findall(r"[0-9]+", told.pop("Content-Range")))
    if fault is Fault.SHIFTED:
        body, told["Content-Range"] = body[1:] + b"\0", f"bytes {first + 1}-{last + 1}/{size}"
    elif fault is Fault.SHORT:
        body = body[: len(body) // 2]
        told["Content-Range"] = f"bytes {first}-{first + len(body) - 1}/{size}"
    else:
        status = 200
    told["Content-Length"] = str(len(body))
    return status, list(told.items()), body


def _pieces(content: bytes, count: int) -> Iterator[bytes]:
    size = max(len(content) // count, 1)
    for start in range(0, len(content), size):
        yield content[start : start + size]


@contextmanager
def front_of(port: int) -> Iterator[Front]:
    """Yield a front of the service at `port`, sound until told otherwise."""
    front = Front(port)
    try:
        yield front
    finally:
        front.release()
        front.leave()
