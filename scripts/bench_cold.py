"""How long the first ensemble takes with nothing local: by ranges, and after copying whole members.

The store is a service of S3's protocol that answers 30 ms late.  "First" is what a server with an empty cache
is asked first, once it says that it is ready.
"""

import http.client
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from elev import Elevation
from habsim import kernel
from habsim.bucket import Bucket
from habsim.ensemble import Ensemble
from habsim.metrics import Metrics
from habsim.ranges import Ranges
from habsim.settings import S3Settings
from habsim.stores import ELEVATION, BucketStore
from habsim.trajectory import fly
from scripts.bench_engine import PERTURBATIONS, PLAN
from scripts.bench_http import series, server, sites
from scripts.bench_rows import REPEATS, Row, loop
from scripts.bench_store import CYCLE, files
from tests.s3server import free_ports
from windfile import WindFile

DELAY = 0.03  # s
SITES = 10  # in a series
COPIES = 16  # whole members at a time
_PATIENCE = 30.0  # s


def measure(folder: Path, workers: int) -> list[Row]:
    """Return how ensembles come from the store `folder` over a slow service."""
    members = len(files(folder))
    with _service(folder) as port:
        rows = _by_ranges(port, members, workers)
        rows += _interleaved(port)
        rows += _whole(port, members)
    return rows


def _by_ranges(port: int, members: int, workers: int) -> list[Row]:
    store = {
        "HABSIM_STORE": "s3://bench",
        "S3_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": "bench",
    }
    seconds: dict[str, list[float]] = {"first": [], "site": [], "float": [], "again": []}
    sizes: dict[str, list[float]] = {"first": [], "site": [], "float": []}
    asked: list[float] = []
    loops = []
    for number in range(REPEATS):
        loops.append(loop())
        with tempfile.TemporaryDirectory() as data:
            start = _counts(port)
            with server(store, members, workers, Path(data)) as (web, _):
                seconds["first"] += series(web, sites(number, 1), 1)
                counts = _counts(port)
                sizes["first"].append((counts[1] - start[1]) / 1e6)
                asked.append(counts[0] - start[0])
                for kind, hours, count in (("site", 0.0, SITES), ("float", 24.0, 2)):
                    before = _counts(port)[1]
                    seconds[kind] += series(web, sites(100 + number, count, eqtime=hours), 1)
                    sizes[kind].append((_counts(port)[1] - before) / 1e6 / count)
                seconds["again"] += series(web, sites(100 + number, SITES, equil=29_990.0), 1)
    busy = median(loops)

    def row(name: str, kind: str) -> Row:
        late = f"{1e3 * min(seconds[kind]):.0f} to {1e3 * max(seconds[kind]):.0f}"
        return Row(name, 1e3 * median(seconds[kind]), "ms", late, busy)

    return [
        row("first ensemble, empty cache", "first"),
        Row("  fetched since the start", median(sizes["first"]), "MB", f"{median(asked):.0f} requests", busy),
        row("ensemble at another new site", "site"),
        Row("  fetched", median(sizes["site"]), "MB", "", busy),
        row("ensemble at the same sites again", "again"),
        row("ensemble with a float of 24 h, new site", "float"),
        Row("  fetched", median(sizes["float"]), "MB", "", busy),
    ]


def _interleaved(port: int) -> list[Row]:
    """Return how long the window of a launch takes as it lies, and as it would with members interleaved."""
    bucket = _bucket(port)
    ranges = Ranges(bucket)
    heads = bucket.heads(f"{CYCLE}_")
    name, head = next(iter(heads.items()))
    apart = [(1 << 24) + (row << 21) for row in range(4)]
    window = 6 * 4 * 19 * 65  # bytes, six columns

    def as_is() -> None:
        with ThreadPoolExecutor(len(heads)) as pool:
            each = [(at, at + window) for at in apart]
            list(pool.map(lambda found: list(ranges.read(found[0], found[1], each)), heads.items()))

    def together() -> None:
        list(ranges.read(name, head, [(at, at + len(heads) * window) for at in apart]))

    as_is()
    rows = []
    for title, read in (("window of a launch, as it lies", as_is), ("  with members interleaved", together)):
        times = []
        for _ in range(REPEATS):
            began = time.perf_counter()
            read()
            times.append(time.perf_counter() - began)
        rows.append(Row(title, 1e3 * median(times), "ms"))
    return rows


def _whole(port: int, members: int) -> list[Row]:
    """Return how long copying all members, and then one ensemble, takes; once."""
    kernel.warm_up()
    with tempfile.TemporaryDirectory() as data:
        store = BucketStore(_bucket(port), Path(data), members, None, Metrics(), whole_files=True)
        before = _counts(port)[1]
        busy, began = loop(), time.perf_counter()
        with ThreadPoolExecutor(COPIES) as pool:
            winds = list(pool.map(lambda member: _copied(store, member), range(members)))
        copied = time.perf_counter() - began
        ground = Elevation.open(store.copied(ELEVATION))
        plan = PLAN.raised(float(ground.at(PLAN.lat, PLAN.lon)))
        flights = Ensemble(plan, members, PERTURBATIONS).flights(ground)
        for member, wind in enumerate(winds):
            fly(wind, ground, flights[member], plan.parachute)
        seconds = time.perf_counter() - began
        fetched = (_counts(port)[1] - before) / 1e6
    return [
        Row("first ensemble, members copied whole", seconds, "s", f"{copied:.1f} s of it copying", busy),
        Row("  fetched", fetched, "MB", "", busy),
    ]


def _copied(store: BucketStore, member: int) -> WindFile:
    return WindFile.open(store.copied(CYCLE.member_file(member)))


def _bucket(port: int) -> Bucket:
    return Bucket(S3Settings("bench", "", "us-west-1", f"http://127.0.0.1:{port}", "bench", "bench"))


@contextmanager
def _service(folder: Path) -> Iterator[int]:
    """Yield the port of the service."""
    (port,) = free_ports(1)
    program = Path(__file__).with_name("bench_s3.py")
    process = subprocess.Popen([sys.executable, str(program), str(folder), str(port), str(DELAY)])
    try:
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                _counts(port)
            except ConnectionError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
            else:
                break
        yield port
    finally:
        process.kill()
        process.wait()


def _counts(port: int) -> tuple[int, int]:
    """Return the requests that the service had, and the bytes of objects that it sent."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE)
    try:
        connection.request("GET", "/counts")
        requests, size = connection.getresponse().read().split()
        return int(requests), int(size)
    finally:
        connection.close()
