"""Figures of the running server, in Prometheus's text format.

Each worker counts in files of its own, in a folder that the environment names; whichever worker is asked
adds them up.  What a dead worker counted stays, what it was at (its gauges) goes.  Without such a folder a
process counts for itself, in memory.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import psutil
from flask import Flask, Response, g, request

from habsim.cycle import Cycle

if TYPE_CHECKING:
    from prometheus_client import Metric

# prometheus_client reads it when it is imported, which is therefore left to `Metrics`, and after each fork.
VARIABLE = "PROMETHEUS_MULTIPROC_DIR"

EnsembleOutcome = Literal["computed", "partial", "failed"]
CacheName = Literal["results", "predictions", "simulators", "files"]
DownloadOutcome = Literal["done", "failed"]

# Upper limits in s: flights take milliseconds, ensembles up to their time limit.
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
# Clients may send any word as a method, and every label costs memory.
_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})


@cache
def folder() -> Path:
    """Return the folder for this server's workers, the same at each call; made, empty, at the first."""
    return Path(tempfile.mkdtemp(prefix="habsim-metrics-"))


def bury(pid: int) -> None:
    """Take away the gauges of worker `pid`, which has ended."""
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(pid, str(folder()))  # type: ignore[no-untyped-call]


class Metrics:
    """What the server counts.  One in a process, made before the workers are forked."""

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
        from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
        from prometheus_client.multiprocess import MultiProcessCollector

        own = CollectorRegistry()
        self.flights = Counter("habsim_flights_total", "Flights computed.", registry=own)
        self.streams = Gauge(
            "habsim_streams", "Progress streams open.", registry=own, multiprocess_mode="livesum"
        )
        self._requests = Counter(
            "habsim_requests_total", "Requests answered.", ["route", "method", "status"], registry=own
        )
        self._seconds = Histogram(
            "habsim_request_seconds",
            "Time until an answer began.",
            ["route"],
            registry=own,
            buckets=_SECONDS,
        )
        self._ensembles = Counter(
            "habsim_ensembles_total", "Ensemble computations ended.", ["outcome"], registry=own
        )
        self._caches = Counter(
            "habsim_cache_total", "Look-ups in a cache.", ["cache", "outcome"], registry=own
        )
        self._downloads = Counter(
            "habsim_downloads_total", "Tries to fetch a file from the store.", ["outcome"], registry=own
        )
        self._ranges = Counter("habsim_ranges_total", "Ranges fetched from the store.", registry=own)
        self._bytes = Counter("habsim_download_bytes_total", "Bytes fetched from the store.", registry=own)
        for counter, outcomes in ((self._ensembles, EnsembleOutcome), (self._downloads, DownloadOutcome)):
            for outcome in get_args(outcomes):
                counter.labels(outcome)  # told from the start, as 0
        for name in get_args(CacheName):
            self._caches.labels(name, "hit")
            self._caches.labels(name, "miss")
        self.content_type = CONTENT_TYPE_PLAIN_0_0_4
        self._shared = os.environ.get(VARIABLE)
        self._told = own
        if self._shared:
            self._told = CollectorRegistry()
            MultiProcessCollector(self._told, self._shared)  # type: ignore[no-untyped-call]

    def observe_request(self, route: str | None, method: str, status: int, seconds: float) -> None:
        """Count a request and the time it took; `route` is a rule (`/sim/elev`), None where none matched."""
        route = route or "none"
        self._requests.labels(route, method if method in _METHODS else "other", str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def count_ensemble(self, outcome: EnsembleOutcome) -> None:
        """Count the end of one computation of an ensemble."""
        self._ensembles.labels(outcome).inc()

    def count_cache(self, cache: CacheName, hit: bool) -> None:
        """Count one look-up."""
        self._caches.labels(cache, "hit" if hit else "miss").inc()

    def count_download(self, outcome: DownloadOutcome, size: int = 0) -> None:
        """Count one try, and the bytes it brought."""
        self._downloads.labels(outcome).inc()
        self._bytes.inc(size)

    def count_range(self, size: int) -> None:
        """Count a range of `size` bytes that was fetched."""
        self._ranges.inc()
        self._bytes.inc(size)

    def look_up(self, cycle: Callable[[], Cycle | None], active: Callable[[], int]) -> None:
        """Have each telling look up the current cycle, how many ensembles run, and what the workers hold."""
        self._told.register(_Present(cycle, active, self._shared is not None))

    def text(self) -> bytes:
        """Return the figures of all workers; its type is `content_type`."""
        from prometheus_client import generate_latest

        return generate_latest(self._told)


@dataclass(frozen=True, eq=False)
class _Present:
    """What is not counted but looked up."""

    cycle: Callable[[], Cycle | None]
    active: Callable[[], int]
    workers: bool  # whether this process is one of several

    def collect(self) -> Iterator["Metric"]:
        """Yield the figures of this moment."""
        from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily

        cycle = self.cycle()
        if cycle is not None:
            age = time.time() - cycle.time
            yield GaugeMetricFamily("habsim_cycle_age_seconds", "Time since the cycle's hour.", age)
            yield InfoMetricFamily("habsim_cycle", "The current cycle.", {"cycle": cycle.name})
        yield GaugeMetricFamily("habsim_active_ensembles", "Ensembles that are computed now.", self.active())
        memory = GaugeMetricFamily("habsim_worker_memory_bytes", "Memory of its own (USS).", labels=["pid"])
        files = GaugeMetricFamily("habsim_worker_descriptors", "Open file descriptors.", labels=["pid"])
        for process in self._processes():
            try:
                held, count = process.memory_full_info().uss, process.num_fds()
            except psutil.Error:  # it has just ended, or the system hides it
                continue
            memory.add_metric([str(process.pid)], held)
            files.add_metric([str(process.pid)], count)
        yield memory
        yield files

    def _processes(self) -> list[psutil.Process]:
        """Return the server's workers: all that Gunicorn's master has forked."""
        return psutil.Process(os.getppid()).children() if self.workers else [psutil.Process()]


def serve(app: Flask, metrics: Metrics) -> None:
    """Have `app` count and time its requests, and tell the figures at `/metrics`.

    To be called before anything else that looks at requests, so that refusals are counted, too.
    """

    def begin() -> None:
        g.began = time.perf_counter()

    def end(response: Response) -> Response:
        route = None if request.url_rule is None else request.url_rule.rule
        seconds = time.perf_counter() - g.began
        metrics.observe_request(route, request.method, response.status_code, seconds)
        return response

    def figures() -> Response:
        return Response(metrics.text(), content_type=metrics.content_type)

    app.before_request(begin)
    app.after_request(end)
    app.add_url_rule("/metrics", "metrics", figures)
