"""What the proofs share: servers of several Gunicorn workers over a real S3 service that fails as told.

The winds of a cycle are the same everywhere, so where each balloon must land has a closed form, and an
answer that mixes cycles or members, or rests on damaged winds, is found out.
"""

import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from threading import Thread
from typing import Any, TypeVar
from urllib.parse import urlencode

import numpy as np
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

import windfile
from habsim import member
from habsim.bucket import Bucket
from habsim.cycle import Cycle
from tests.s3front import Front, front_of
from tests.s3server import S3Server
from tests.stores import ELEVATION, HOUR, WHICH, eastward_degrees

ROOT = Path(__file__).parent.parent
PATIENCE = 60.0  # s, after which a proof gives up
MEMBERS = 6
PERTURBATIONS = 4
FIRST = Cycle("2026010100")
SPAN = 720 * HOUR  # s, of a forecast
SMALL, LARGE = (7, 13), (181, 361)  # rows and columns: members of 3 kB and of 1.6 MB

# A flight of 3000 s up and 3750 s down, along the equator over the sea.
ALT, BURST, ASCENT, DESCENT = 0.0, 15_000.0, 5.0, 4.0
METRE = 1e-5  # degrees, nearly: HABSIM's goal is to land within 1 m of the exact solution
VARIED = 0.03  # of the way: both rates vary by 0.1 m/s, at most 2.5 %, and the burst by 10 m

_T = TypeVar("_T")
_R = TypeVar("_R")


@dataclass(frozen=True)
class Answer:
    """What a server answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Server:
    """A running server."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def ask(self, route: str, parameters: dict[str, Any] | None = None) -> Answer:
        """Return the answer to one request, over a connection of its own."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request("GET", f"{route}?{urlencode(parameters)}" if parameters else route)
            response = connection.getresponse()
            headers = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, headers, response.read())
        finally:
            connection.close()

    def figure(self, name: str, **labels: str) -> float:
        """Return the sum of the samples `name` that have `labels`."""
        text = self.ask("/metrics").body.decode()
        return sum(
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def computed(self) -> float:
        """Return how many computations of ensembles have ended, one way or another."""
        return self.figure("habsim_ensembles_total")

    def workers(self) -> list[psutil.Process]:
        """Return the processes that answer."""
        return [each for each in psutil.Process(self.process.pid).children() if each.status() != "zombie"]

    def owners(self) -> list[psutil.Process]:
        """Return the workers that hold a slot for a run."""
        return [
            worker
            for worker in self.workers()
            if any("/runs/slot-" in file.path for file in worker.open_files())
        ]

    def connections(self, worker: psutil.Process | None = None) -> int:
        """Return how many connections the workers, or one of them, have accepted and not closed."""
        return sum(
            found.laddr.port == self.port and found.status == psutil.CONN_ESTABLISHED
            for each in ([worker] if worker else self.workers())
            for found in each.net_connections("tcp")
        )

    def terminate(self) -> None:
        """Ask the server to end."""
        self.process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End all of it at once, wherever it is."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Stream:
    """A progress stream, read by a thread of its own as it comes."""

    def __init__(self, server: Server, identity: str) -> None:
        self.lines: list[str] = []
        self._path = f"/sim/progress-stream?request_id={identity}"
        self._connection = HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
        self._thread = Thread(target=self._read)
        self._thread.start()

    @property
    def events(self) -> list[Any]:
        """The states told so far."""
        return [json.loads(line[6:]) for line in self.lines.copy() if line.startswith("data: ")]

    @property
    def ended(self) -> bool:
        """Whether the server has ended it."""
        return not self._thread.is_alive()

    def leave(self) -> None:
        """Go away, as a closed tab does."""
        with suppress(OSError):
            self._connection.sock.shutdown(socket.SHUT_RDWR)
        self._thread.join()

    def _read(self) -> None:
        try:
            self._connection.request("GET", self._path)
            response = self._connection.getresponse()
            self.lines.append(f"{response.status}\n")
            while line := response.readline():
                self.lines.append(line.decode())
        finally:
            self._connection.close()


@dataclass
class Site:
    """A store in a bucket, the front by which servers reach it, and what servers of one host share."""

    bucket: Bucket
    front: Front
    folder: Path
    environment: dict[str, str]

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.folder / "data"

    def publish(self, cycle: Cycle, u: float, grid: tuple[int, int] = SMALL) -> None:
        """Put a cycle into the bucket, its winds `winds(u)`, and point at it last."""
        for number, wind in enumerate(winds(u)):
            self.bucket.put(cycle.member_file(number), member_file(cycle, wind, grid))
        self.bucket.put(WHICH, f"{cycle}\n".encode())

    def follow(self, cycle: Cycle) -> None:
        """Wait until the host has accepted `cycle`."""
        state = self.data / "currgefs.txt"
        eventually(lambda: state.exists() and state.read_text().startswith(f"{cycle}\n"), str(cycle))

    def copies(self) -> list[Path]:
        """Return the visible copies of members."""
        return [path for path in (self.data / "gefs").glob("*.npz") if not path.name.startswith(".")]

    def partials(self) -> list[Path]:
        """Return the files left half made, anywhere."""
        return list(self.data.rglob("*.partial"))

    def check_copies(self) -> None:
        """Every visible copy is its object, to the byte; of a mirror, every piece that counts."""
        for copy in self.copies():
            name = re.sub(r"\.[0-9a-f]{12}\.npz$", ".npz", copy.name)
            assert copy.read_bytes() == self.bucket.read(name, 1 << 30), copy.name
        self.check_mirrors()

    def check_mirrors(self) -> int:
        """Every piece that counts in a mirror is the object's; return how many pieces do."""
        count = 0
        for mirror in (self.data / "gefs").glob("*.mirror"):
            name = f"{mirror.name.split('.')[0]}.npz"
            content = self.bucket.read(name, 1 << 30)
            assert content is not None
            pieces = windfile.survey(io.BytesIO(content), name, lambda ranges: None)
            held = mirror.read_bytes()
            present = np.flatnonzero(np.frombuffer(held[-pieces.count :], np.uint8))
            for start, size in pieces.arrays:
                for number in present.tolist():
                    first = start + number * size
                    assert held[first : first + size] == content[first : first + size], (mirror.name, number)
            count += len(present)
        return count

    @contextmanager
    def serving(self, *launcher: str, **changes: str) -> Iterator[Server]:
        """Run a server until the end of the block; a traceback in its log is a failure.

        `launcher` are words before its command, `changes` settings of its own.
        """
        logs = self.folder / "logs"
        logs.mkdir(exist_ok=True)
        server = start(logs / f"{len(list(logs.iterdir()))}.log", launcher, {**self.environment, **changes})
        try:
            yield server
            assert "Traceback" not in server.log.read_text(), server.log.read_text()
        finally:
            if server.process.poll() is None:
                server.kill()


def start(log: Path, launcher: Sequence[str], environment: dict[str, str]) -> Server:
    """Return a server that answers."""
    command = ["gunicorn", "--config", "gunicorn_config.py", "--bind", "127.0.0.1:0", "app:app"]
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [*launcher, sys.executable, "-m", *command],
            cwd=ROOT,
            env=environment,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
    try:
        listening = r"Listening at: http://127\.0\.0\.1:(\d+)"
        eventually(lambda: process.poll() is not None or re.search(listening, log.read_text()), "a start")
        found = re.search(listening, log.read_text())
        assert found is not None, log.read_text()
        server = Server(process, int(found[1]), log)
        assert server.ask("/health").status == 200
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    return server


@contextmanager
def site_over(s3: S3Server, folder: Path) -> Iterator[Site]:
    """Yield a site without a cycle, its files in `folder`, whose name is the prefix in the bucket."""
    settings = s3.with_settings(prefix=folder.name)
    bucket = Bucket(settings)
    bucket.put(ELEVATION, sea())
    (folder / "tmp").mkdir()
    with front_of(s3.port) as front:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "TMPDIR": str(folder / "tmp"),
            "SECRET_KEY": "of the proofs",
            "WEB_CONCURRENCY": "4",
            "S3_ENDPOINT_URL": f"http://127.0.0.1:{front.port}",
            "AWS_ACCESS_KEY_ID": str(settings.access_key),
            "AWS_SECRET_ACCESS_KEY": str(settings.secret_key),
            "HABSIM_STORE": f"s3://{settings.bucket}/{settings.prefix}",
            "HABSIM_DATA_DIR": str(folder / "data"),
            "HABSIM_MEMBERS": str(MEMBERS),
            "HABSIM_ENSEMBLES": "2",
            "HABSIM_REFRESH_SECONDS": "1",
        }
        yield Site(bucket, front, folder, environment)


def winds(u: float) -> list[float]:
    """Return the eastward winds (m/s) of the members of a cycle, as float16 has them."""
    return [float(np.float16(u * (1.0 + number / 64.0))) for number in range(MEMBERS)]


def member_file(cycle: Cycle, u: float, grid: tuple[int, int] = SMALL) -> bytes:
    """Return a member file of one eastward wind (m/s) everywhere."""
    data = np.zeros((*grid, 3, 2, 2), np.float16)
    data[..., 0] = u
    stream = io.BytesIO()
    member.write(stream, data, np.array([10.0, 300.0, 850.0]), cycle.time, SPAN)
    return stream.getvalue()


def sea() -> bytes:
    """Return an elevation file without land."""
    stream = io.BytesIO()
    np.save(stream, np.zeros((18, 36), "<i2"))
    return stream.getvalue()


def question(number: int, cycle: Cycle = FIRST) -> dict[str, Any]:
    """Return the parameters of one of 30 000 different flights, six hours after `cycle`."""
    lon = round(number % 30_000 * 0.01 - 150.0, 2)
    return {
        "timestamp": cycle.time + 6 * HOUR,
        "lat": 0.0,
        "lon": lon,
        "alt": ALT,
        "equil": BURST,
        "eqtime": 0.0,
        "asc": ASCENT,
        "desc": DESCENT,
    }


def ensemble(number: int, cycle: Cycle = FIRST) -> dict[str, Any]:
    """Return the parameters of one of 30 000 different ensembles."""
    return {**question(number, cycle), "num_perturbations": PERTURBATIONS}


def landing(parameters: dict[str, Any], u: float) -> float:
    """Return the longitude at which the flight of `question` lands in an eastward wind."""
    return float(parameters["lon"]) + eastward_degrees(u, ALT, BURST, ASCENT, DESCENT)


def check_flight(phases: Any, parameters: dict[str, Any], u: float) -> None:
    """The answer of `singlezpb` is the flight in this wind."""
    lat, lon, alt, _ = phases[-1][-1]
    assert (lat, lon, alt) == pytest.approx((0.0, landing(parameters, u), 0.0), abs=METRE)


def check_some_flight(phases: Any, parameters: dict[str, Any], number: int, speeds: Iterable[float]) -> None:
    """The answer of `singlezpb`, which does not say its cycle, is that of member `number` in one cycle.

    The winds of the cycles are `winds(u)` of each of `speeds`.
    """
    end = phases[-1][-1][1]
    possible = [winds(u)[number] for u in speeds]
    check_flight(phases, parameters, min(possible, key=lambda u: abs(landing(parameters, u) - end)))


def check_ensemble(result: Any, parameters: dict[str, Any], u: float, failed: Sequence[int] = ()) -> None:
    """The answer of `spaceshot` is wholly that of the winds `winds(u)`, but for members `failed`."""
    expected = {number: wind for number, wind in enumerate(winds(u)) if number not in failed}
    assert result["failed_models"] == list(failed)
    assert result["partial"] is False
    assert [number for number, path in enumerate(result["paths"]) if path is None] == list(failed)
    labels = [f"model_{number}" for number in expected]
    labels += [f"mc_{number}_{draw}" for number in expected for draw in range(PERTURBATIONS)]
    assert [label for _, _, label in result["heatmap_data"]] == labels
    for number, wind in expected.items():
        end = landing(parameters, wind)
        assert result["paths"][number][-1][:2] == pytest.approx([0.0, end], abs=METRE)
    for lat, lon, label in result["heatmap_data"]:
        kind, number, *_ = label.split("_")
        end = landing(parameters, expected[int(number)])
        varied = 0.0 if kind == "model" else 0.001 + VARIED * abs(end - parameters["lon"])
        assert abs(lat) <= (0.0 if kind == "model" else 0.001) + METRE
        assert lon == pytest.approx(end, abs=varied + METRE)


def eventually(claim: Callable[[], object], what: str) -> None:
    """Wait until `claim` holds."""
    deadline = time.monotonic() + PATIENCE
    while not claim():
        assert time.monotonic() < deadline, f"in vain: {what}"
        time.sleep(0.05)


def together(clients: int, work: Callable[[_T], _R], items: Sequence[_T]) -> list[_R]:
    """Return `work` done for each item, by `clients` at a time."""
    with ThreadPoolExecutor(clients) as pool:
        return list(pool.map(work, items))
