"""The figures of one process over HTTP, and those of several real workers, of which one is killed."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import psutil
import pytest
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from habsim.cycle import Cycle
from habsim.errors import NotFoundError
from habsim.http import answer_errors
from habsim.metrics import Metrics, serve

ROOT = Path(__file__).parent.parent
HOUR = 3600.0  # s
PATIENCE = 30.0  # s
Figures = dict[str, float]


def figures(text: str) -> Figures:
    """Return the samples of Prometheus's text format, by name with labels in the order of the alphabet."""
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


def told(metrics: Metrics) -> Figures:
    return figures(metrics.text().decode())


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def client(metrics: Metrics) -> FlaskClient:
    app = Flask(__name__, static_folder=None)
    serve(app, metrics)
    answer_errors(app, {NotFoundError: 404}, details=False)

    @app.get("/flights/<int:number>")
    def flight(number: int) -> str:
        if number == 0:
            raise NotFoundError("there is no flight 0")
        return str(1 // (number - 1))

    return app.test_client()


def test_requests_are_counted_by_rule_method_and_status(client: FlaskClient) -> None:
    for number in (2, 3, 4):
        client.get(f"/flights/{number}")
    client.head("/flights/2")
    client.get("/flights/0")
    client.get("/flights/1")  # divides by zero
    found = figures(client.get("/metrics").text)
    route = "route=/flights/<int:number>"
    counted = {name: value for name, value in found.items() if name.startswith("habsim_requests_total")}
    assert counted == {
        f"habsim_requests_total{{method=GET,{route},status=200}}": 3,
        f"habsim_requests_total{{method=HEAD,{route},status=200}}": 1,
        f"habsim_requests_total{{method=GET,{route},status=404}}": 1,
        f"habsim_requests_total{{method=GET,{route},status=500}}": 1,
    }
    assert found[f"habsim_request_seconds_count{{{route}}}"] == 6


def test_neither_made_up_addresses_nor_made_up_methods_make_labels(client: FlaskClient) -> None:
    for number in range(20):
        client.get(f"/made-up-{number}")
        client.open("/metrics", method=f"MADEUP{'X' * number}")
    found = figures(client.get("/metrics").text)
    assert {name: value for name, value in found.items() if name.startswith("habsim_requests_total")} == {
        "habsim_requests_total{method=GET,route=none,status=404}": 20,
        "habsim_requests_total{method=other,route=none,status=405}": 20,
    }


def test_a_refusal_before_the_route_is_counted_too(client: FlaskClient, metrics: Metrics) -> None:
    client.application.before_request(lambda: ("log in", 403))
    client.get("/flights/2")
    route = "route=/flights/<int:number>"
    assert told(metrics)[f"habsim_requests_total{{method=GET,{route},status=403}}"] == 1


def test_figures_come_as_prometheus_text(client: FlaskClient) -> None:
    answer = client.get("/metrics")
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert "# TYPE habsim_ensembles_total counter\n" in answer.text


def test_a_time_falls_into_each_bucket_that_is_not_shorter(metrics: Metrics) -> None:
    for seconds in (0.02, 0.3, 601.0):
        metrics.observe_request("/sim/spaceshot", "GET", 200, seconds)
    found = told(metrics)
    name = "habsim_request_seconds_bucket{{le={},route=/sim/spaceshot}}"
    assert [found[name.format(limit)] for limit in ("0.01", "0.025", "0.5", "600.0", "+Inf")] == [
        0,
        1,
        2,
        2,
        3,
    ]
    assert found["habsim_request_seconds_sum{route=/sim/spaceshot}"] == pytest.approx(601.32)


def test_every_outcome_is_told_from_the_start_and_counted_once(metrics: Metrics) -> None:
    before = told(metrics)
    metrics.count_ensemble("partial")
    metrics.flights.inc(441)
    metrics.count_cache("results", hit=True)
    metrics.count_cache("files", hit=False)
    metrics.count_download("done", 308)
    metrics.streams.inc()
    after = told(metrics)
    changed = {
        "habsim_ensembles_total{outcome=partial}": 1,
        "habsim_flights_total": 441,
        "habsim_cache_total{cache=results,outcome=hit}": 1,
        "habsim_cache_total{cache=files,outcome=miss}": 1,
        "habsim_downloads_total{outcome=done}": 1,
        "habsim_download_bytes_total": 308,
        "habsim_streams": 1,
    }
    assert {name: value for name, value in after.items() if value != before[name]} == changed
    assert all(before[name] == 0 for name in changed)
    outcomes = {name for name in before if name.startswith("habsim_ensembles_total")}
    assert outcomes == {
        f"habsim_ensembles_total{{outcome={each}}}" for each in ("computed", "partial", "failed")
    }


def test_the_cycle_and_what_runs_are_looked_up_at_each_telling(metrics: Metrics) -> None:
    state: dict[str, Cycle | None] = {"cycle": None}
    running = [0, 2]
    metrics.look_up(lambda: state["cycle"], lambda: running.pop())
    found = told(metrics)
    assert found["habsim_active_ensembles"] == 2
    assert not any(name.startswith("habsim_cycle") for name in found)
    state["cycle"] = cycle = Cycle.at(time.time())
    found = told(metrics)
    assert found["habsim_active_ensembles"] == 0
    assert found[f"habsim_cycle_info{{cycle={cycle}}}"] == 1
    assert 0 <= found["habsim_cycle_age_seconds"] <= 6 * HOUR + PATIENCE  # cycles are 6 h apart


def test_a_process_alone_tells_what_it_holds(metrics: Metrics, tmp_path: Path) -> None:
    metrics.look_up(lambda: None, lambda: 0)
    pid = os.getpid()
    before = told(metrics)[f"habsim_worker_descriptors{{pid={pid}}}"]
    with (tmp_path / "one").open("w"), (tmp_path / "two").open("w"):
        found = told(metrics)
    assert found[f"habsim_worker_descriptors{{pid={pid}}}"] == before + 2
    assert 1e6 < found[f"habsim_worker_memory_bytes{{pid={pid}}}"] < psutil.virtual_memory().total


# A server by the hooks of HABSIM's own configuration, with an application of two routes.
CONFIGURATION = """
from gunicorn_config import *
bind, workers = "127.0.0.1:0", 3
def on_starting(server): pass
def post_worker_init(worker): pass
"""
APPLICATION = """
import os, time
from flask import Flask
from habsim.metrics import Metrics, serve
app, metrics = Flask(__name__), Metrics()
serve(app, metrics)
metrics.look_up(lambda: None, lambda: 0)
@app.get("/fly")
def fly():
    metrics.flights.inc(21)
    return str(os.getpid())
@app.get("/hold")
def hold():
    metrics.streams.inc()
    return str(os.getpid())
"""


class Server:
    """A running server of three workers."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        self.process = process
        self.lines: list[str] = []
        for line in process.stderr:
            self.lines.append(line)
            if found := re.search(r"Listening at: (http://[0-9.:]+)", line):
                self.address = found[1]
                break
        else:
            raise AssertionError("".join(self.lines))

    def text(self, route: str) -> str:
        with urlopen(self.address + route, timeout=PATIENCE) as answer:
            return str(answer.read().decode())

    def ask_until(self, route: str, workers: set[int], total: int) -> dict[int, int]:
        """Return how often which worker answered, after `total` workers beside `workers` have."""
        answered: dict[int, int] = {}
        deadline = time.monotonic() + PATIENCE
        while len(set(answered) - workers) < total:
            assert time.monotonic() < deadline
            worker = int(self.text(route))
            answered[worker] = answered.get(worker, 0) + 1
        return answered


@contextmanager
def serving(folder: Path, **environment: str) -> Iterator[Server]:
    (folder / "configuration.py").write_text(CONFIGURATION)
    (folder / "served.py").write_text(APPLICATION)
    command = [sys.executable, "-m", "gunicorn", "--config", "configuration.py", "served:app"]
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(folder), **environment},
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield Server(process)
        finally:
            process.terminate()


def test_counts_of_all_workers_are_exact_and_outlive_a_killed_one(tmp_path: Path) -> None:
    with serving(tmp_path, HABSIM_LOG_FORMAT="json") as server:
        before = figures(server.text("/metrics"))
        assert before["habsim_flights_total"] == 0
        flown = server.ask_until("/fly", set(), 3)
        held = server.ask_until("/hold", set(), 3)
        victim = max(held)
        found = figures(server.text("/metrics"))
        assert found["habsim_streams"] == sum(held.values())
        told_of = {name for name in found if name.startswith("habsim_worker_memory_bytes")}
        assert told_of == {f"habsim_worker_memory_bytes{{pid={worker}}}" for worker in flown}

        os.kill(victim, signal.SIGKILL)
        newcomer = server.ask_until("/fly", set(flown), 1)
        found = figures(server.text("/metrics"))
        requests = sum(flown.values()) + sum(newcomer.values())
        assert found["habsim_flights_total"] == 21 * requests
        assert found["habsim_requests_total{method=GET,route=/fly,status=200}"] == requests
        assert found["habsim_request_seconds_count{route=/fly}"] == requests
        assert found["habsim_streams"] == sum(held.values()) - held[victim]
        assert f"habsim_worker_memory_bytes{{pid={victim}}}" not in found

        server.process.terminate()
        assert server.process.stderr is not None
        lines = [json.loads(line) for line in [*server.lines, *server.process.stderr]]
    assert len({line["worker"] for line in lines} - {None}) == 3  # those that ended in order said so
    assert list(tmp_path.glob("habsim-metrics-*")) == []
