"""The real server: Gunicorn with two workers over a small store, asked through sockets."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psutil
import pytest

from tests.service import ENSEMBLE, SINGLE
from tests.stores import publish_cycle

ROOT = Path(__file__).parent.parent
PATIENCE = 60.0  # s, after which a test gives up
MEMBERS = 3
GUNICORN = ("-m", "gunicorn", "--config", "gunicorn_config.py", "app:app")
DEVELOPMENT = ("app.py",)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        assert self.headers["content-type"] == "application/json"
        return json.loads(self.body)


@dataclass(frozen=True)
class Server:
    process: subprocess.Popen[bytes]
    port: int
    folder: Path  # with store, data and log in it

    def ask(self, path: str, method: str = "GET") -> Answer:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method, path)
            response = connection.getresponse()
            headers = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, headers, response.read())
        finally:
            connection.close()

    def tell(self, raw: bytes) -> Answer:
        """Return the answer to bytes that need not be HTTP."""
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as connection:
            connection.sendall(raw)
            connection.shutdown(socket.SHUT_WR)
            received = b""
            while part := connection.recv(1 << 16):
                received += part
        head, _, body = received.partition(b"\r\n\r\n")
        first, *lines = head.decode("ascii").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines)
        return Answer(int(first.split()[1]), headers, body)

    def log(self) -> str:
        return (self.folder / "log").read_text()


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@contextmanager
def running(folder: Path, command: tuple[str, ...]) -> Iterator[Server]:
    """Run a server over `folder`/store, which may be empty, until the end of the block."""
    port = free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "PORT": str(port),
        "WEB_CONCURRENCY": "2",
        "HABSIM_STORE": str(folder / "store"),
        "HABSIM_DATA_DIR": str(folder / "data"),
        "HABSIM_MEMBERS": str(MEMBERS),
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    server = Server(process, port, folder)
    try:
        deadline = time.monotonic() + PATIENCE
        while not listens(port):
            assert process.poll() is None, server.log()
            assert time.monotonic() < deadline, server.log()
            time.sleep(0.05)
        yield server
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise


def listens(port: int) -> bool:
    with socket.socket() as attempt:
        return attempt.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    publish_cycle(folder / "store", winds=[(0.0, 0.0), (10.0, 0.0), (0.0, -5.0)])
    with running(folder, GUNICORN) as server:
        yield server


def test_it_lives(server: Server) -> None:
    answer = server.ask("/health")
    assert (answer.status, answer.json()) == (200, {"status": "ok"})


def test_a_balloon_in_still_air_lands_where_it_was_launched(server: Server) -> None:
    ascent, coast, descent = server.ask(f"/sim/singlezpb?{urlencode(SINGLE)}").json()
    assert coast == []
    assert ascent[0][:2] == descent[-1][:2] == [10.0, 20.0]


def test_every_worker_gives_the_same_ensemble(server: Server) -> None:
    deadline = time.monotonic() + PATIENCE
    while len(workers := psutil.Process(server.process.pid).children()) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    answers = set()
    for asleep in workers:
        for kept in (server.folder / "data" / "results").glob("*"):
            kept.unlink()
        asleep.suspend()
        try:
            answers.add(server.ask(f"/sim/spaceshot?{urlencode(ENSEMBLE)}").body)
        finally:
            asleep.resume()
    identity = json.loads(answers.pop())["request_id"]
    assert not answers
    assert set(re.findall(rf"^INFO: \[WORKER (\d+)\] ensemble {identity}: ", server.log(), re.M)) == {
        "1",
        "2",
    }


def test_an_ensemble_asked_for_by_many_at_once_is_computed_once(server: Server) -> None:
    path = f"/sim/spaceshot?{urlencode({**ENSEMBLE, 'lat': 33, 'num_perturbations': 100})}"
    with ThreadPoolExecutor(8) as threads:
        answers = {answer.body for answer in threads.map(server.ask, [path] * 16)}
    identity = json.loads(answers.pop())["request_id"]
    assert not answers
    assert server.log().count(f"] ensemble {identity}: ") == 1


@pytest.mark.parametrize("name", ["lat", "format"])
def test_ten_thousand_characters_are_refused_by_name(server: Server, name: str) -> None:
    answer = server.ask(f"/sim/singlezpb?{urlencode({**SINGLE, name: 'x' * 10_000})}")
    assert answer.status == 400
    assert answer.json()["error"].startswith(f"{name} must be ")


def test_ten_thousand_characters_elsewhere_do_no_harm(server: Server) -> None:
    answer = server.ask(f"/sim/singlezpb?{urlencode({**SINGLE, 'note': 'x' * 10_000})}")
    assert answer.status == 200
    answer = server.ask("/" + "x" * 10_000)
    assert answer.status == 404
    assert len(answer.json()["error"]) < 200


@pytest.mark.parametrize(
    ("path", "status"), [("/sim/elev?lat=91&lon=0", 400), ("/nothing", 404), ("/sim/elev", 400)]
)
def test_errors_are_json(server: Server, path: str, status: int) -> None:
    answer = server.ask(path)
    assert answer.status == status
    assert list(answer.json()) == ["error"]


@pytest.mark.parametrize("method", ["POST", "DELETE", "BREW"])
def test_a_wrong_method_is_an_error_in_json(server: Server, method: str) -> None:
    answer = server.ask("/sim/models", method)
    assert answer.status == 405
    assert "GET" in answer.headers["allow"]
    assert list(answer.json()) == ["error"]


def test_a_head_has_no_body(server: Server) -> None:
    answer = server.ask("/sim/elev?lat=91&lon=0", "HEAD")
    assert (answer.status, answer.body) == (400, b"")


GET = b"GET /health HTTP/1.1\r\nHost: localhost\r\n"
NO_HTTP = {
    "noise": bytes(range(256)) * 4 + b"\r\n\r\n",
    "a TLS greeting": bytes.fromhex("1603010200010001fc0303") + bytes(500) + b"\r\n\r\n",
    "an HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a word": b"hello\r\n\r\n",
    "an unknown version": b"GET /health HTTP/9.9\r\n\r\n",
    "a line that never ends": b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\n\r\n",
    "a header without a colon": GET + b"nonsense\r\n\r\n",
    "a header that never ends": GET + b"X-Long: " + b"x" * 100_000 + b"\r\n\r\n",
    "a thousand headers": GET + b"".join(b"X-%d: 1\r\n" % number for number in range(1000)) + b"\r\n",
    "a negative length": GET + b"Content-Length: -1\r\n\r\n",
    "two lengths": GET + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nx",
    "two ways to say the length": GET + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a coding nobody knows": GET + b"Transfer-Encoding: brew\r\n\r\n",
    "an expectation nobody knows": GET + b"Expect: tea\r\n\r\n",
    "a proxy's greeting": b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n" + GET + b"\r\n",
}


@pytest.mark.parametrize("raw", NO_HTTP.values(), ids=NO_HTTP.keys())
def test_what_is_no_proper_http_is_an_error_in_json(server: Server, raw: bytes) -> None:
    answer = server.tell(raw)
    assert 400 <= answer.status < 500
    assert list(answer.json()) == ["error"]
    assert b"<" not in answer.body
    assert server.ask("/health").status == 200


def test_every_line_of_the_log_says_its_level_and_worker(server: Server) -> None:
    server.ask("/nothing")
    for line in server.log().splitlines():
        assert re.match(r"(INFO|WARNING|ERROR): (\[WORKER \d\] )?\S", line), line


def test_sigterm_lets_a_request_finish_and_then_ends_the_server(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    with running(tmp_path, GUNICORN) as server:
        idle = socket.create_connection(("127.0.0.1", server.port))
        with idle, ThreadPoolExecutor(1) as thread:
            idle.sendall(GET + b"\r\n")  # and stays connected
            assert idle.recv(1 << 16).startswith(b"HTTP/1.1 200")
            waiting = thread.submit(server.ask, f"/sim/singlezpb?{urlencode(SINGLE)}")
            time.sleep(1.0)  # by when it waits for a cycle
            server.process.send_signal(signal.SIGTERM)
            time.sleep(0.5)  # by when the workers have heard of it
            publish_cycle(tmp_path / "store")
            assert waiting.result().status == 200
            assert server.process.wait(PATIENCE) == 0
        assert "ERROR" not in server.log()


def test_the_development_server_lives_too(tmp_path: Path) -> None:
    publish_cycle(tmp_path / "store")
    with running(tmp_path, DEVELOPMENT) as server:
        assert server.ask("/health").json() == {"status": "ok"}
        assert server.ask("/sim/models").json() == {"models": [0, 1, 2]}
