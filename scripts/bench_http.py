"""How fast a real server answers ensembles over HTTP, and what memory that takes.

Sites differ from request to request, so that no answer is one that was kept.
"""

import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import median
from urllib.parse import urlencode

import numpy as np
import psutil

from scripts.bench_rows import REPEATS, Row, loop
from scripts.bench_store import CYCLE, files, forget

ROOT = Path(__file__).parent.parent
SITES = 40  # in a series
_PATIENCE = 60.0  # s, for a server to be ready


def measure(folder: Path, workers: int) -> list[Row]:
    """Return how a server of `workers` processes over the store `folder` answers."""
    forget(folder)
    members = len(files(folder))
    store = {"HABSIM_STORE": str(folder)}
    with tempfile.TemporaryDirectory() as data, server(store, members, workers, Path(data)) as (port, pid):
        (cold,) = series(port, sites(0, 1), 1)
        series(port, sites(1, SITES), 4)  # touches their pages, by flights that rise a metre less
        rows = [Row("first ensemble, page cache cold", 1e3 * cold, "ms")]
        for clients in (1, 8):
            rows += _row(port, clients)
        rows += _memory(psutil.Process(pid))
    return rows


def _row(port: int, clients: int) -> list[Row]:
    """Return latency and throughput of `clients` at a time, medians of several series."""
    latencies, rates, loops = [], [], []
    for number in range(REPEATS):
        loops.append(loop())
        paths = sites(1, SITES, equil=30_000.0 + number + 10 * clients)
        began = time.perf_counter()
        latencies += series(port, paths, clients)
        rates.append(SITES / (time.perf_counter() - began))
    name = f"/sim/spaceshot, {clients} client{'s' if clients > 1 else ''}"
    late = f"95 % within {1e3 * float(np.quantile(latencies, 0.95)):.3g} ms"
    spread = f"{min(rates):.3g} to {max(rates):.3g}"
    return [
        Row(name, 1e3 * median(latencies), "ms", late, median(loops)),
        Row(f"{name}, throughput", median(rates), "1/s", spread, median(loops)),
    ]


def sites(seed: int, count: int, equil: float = 29_999.0, eqtime: float = 0.0) -> list[str]:
    """Return the paths of `count` requests at random sites, for flights that float `eqtime` hours."""
    random = np.random.default_rng(seed)
    places = zip(random.uniform(-60, 60, count), random.uniform(-180, 180, count), strict=True)
    flight = {
        "timestamp": CYCLE.time + 7 * 3600.0,
        "alt": 0,
        "equil": equil,
        "eqtime": eqtime,
        "asc": 5,
        "desc": 5,
    }
    return [f"/sim/spaceshot?{urlencode({**flight, 'lat': lat, 'lon': lon})}" for lat, lon in places]


def series(port: int, paths: list[str], clients: int) -> list[float]:
    """Return the seconds that each request took, `clients` at a time over connections of their own."""

    def ask(path: str) -> float:
        began = time.perf_counter()
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=600)) as connection:
            connection.request("GET", path)
            response = connection.getresponse()
            body = response.read()
        if response.status != 200:
            raise RuntimeError(f"{path} is answered with {response.status}: {body[:300]!r}")
        return time.perf_counter() - began

    with ThreadPoolExecutor(clients) as pool:
        return list(pool.map(ask, paths))


def _memory(master: psutil.Process) -> list[Row]:
    """Return the memory of the worker that takes most: its own, and at its peak with shared pages."""
    workers = master.children()
    own = max(worker.memory_full_info().uss for worker in workers)
    peak = max(_peak(worker.pid) for worker in workers)
    return [
        Row("a worker's own memory (USS)", own / 1e6, "MB"),
        Row("a worker's peak, mapped files included", peak / 1e6, "MB"),
    ]


def _peak(pid: int) -> int:
    """Return the most memory (bytes) that process `pid` has had at a time: VmHWM of proc(5)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


@contextmanager
def server(store: dict[str, str], members: int, workers: int, data: Path) -> Iterator[tuple[int, int]]:
    """Yield the port and the process of a server over the store that settings name, ready to answer."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    settings = {
        **store,
        "HABSIM_MEMBERS": str(members),
        "HABSIM_DATA_DIR": str(data),
        "WEB_CONCURRENCY": str(workers),
        "PORT": str(port),
        "SECRET_KEY": "benchmark",
    }
    command = [sys.executable, "-m", "gunicorn", "--config", "gunicorn_config.py", "app:app"]
    with (data / "server.log").open("w+") as log:
        process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **settings}, stderr=log, stdout=log)
        try:
            _wait(process, port, data / "server.log")
            yield port, process.pid
        finally:
            process.terminate()
            process.wait(30)


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Return when the server is ready; raises `RuntimeError` with its log if it does not get there."""
    deadline = time.monotonic() + _PATIENCE
    state = "no answer"
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
                connection.request("GET", "/ready")
                response = connection.getresponse()
                state = json.loads(response.read()).get("error", "ready")
                if response.status == 200:
                    return
        except ConnectionError:
            pass
        time.sleep(0.1)
    raise RuntimeError(f"the server does not get ready ({state}):\n{log.read_text()}")
