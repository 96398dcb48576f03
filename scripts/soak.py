"""Mixed load on a server of four workers for an hour, with everything that goes wrong in a season.

    python scripts/soak.py                # an hour
    python scripts/soak.py --minutes 15

Clients ask ensembles, single flights, streams and pages, over a real S3 service in which cycles change and
whose transfers are slowed, cut, spoilt and refused.  Half-way all processes are killed at once and the server
is started again.  Winds are uniform, so each answer is checked against its closed form.  Ends with 1 if an
answer was wrong or one failed that should not.
"""

import argparse
import http.client
import json
import random
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

import numpy as np
import psutil

from habsim.cycle import PERIOD, Cycle
from tests import s3server
from tests.proofs import (
    FIRST,
    MEMBERS,
    PATIENCE,
    Server,
    Site,
    check_ensemble,
    check_some_flight,
    ensemble,
    question,
    site_over,
)
from tests.s3front import Fault

CYCLES = [Cycle.at(FIRST.time + number * PERIOD) for number in range(100)]  # at most so many in a soak
LATEST = CYCLES[-1]  # all forecasts hold the flights from it
WINDS = {str(cycle): (-1.0) ** number * (10.0 + number) for number, cycle in enumerate(CYCLES)}
CLIENTS = 6
PAGES = (
    "/docs",
    "/health",
    "/ready",
    "/metrics",
    "/openapi.json",
    "/sim/which",
    "/sim/status",
    "/sim/models",
)
SETTLING = 10.0  # s, between two changes in the store, at least


@dataclass
class Tally:
    """What clients and watchers saw."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    counts: Counter[str] = field(default_factory=Counter)
    complaints: list[str] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)  # MB of the worker that takes most, by time
    descriptors: list[int] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    def note(self, what: str, complaint: str | None = None) -> None:
        """Count something."""
        with self.lock:
            self.counts[what] += 1
            if complaint is not None and self.counts[what] <= 10:
                self.complaints.append(f"{what}: {complaint}")


class Load:
    """Clients that ask one server after the other, until told to end."""

    def __init__(self, tally: Tally) -> None:
        self.server: Server | None = None  # none while there is none
        self.over = Event()
        self._tally = tally
        self._threads = [Thread(target=self._ask, args=(number,)) for number in range(CLIENTS)]

    def begin(self) -> None:
        """Let the clients ask."""
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Return when all clients have ended."""
        self.over.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, client: int) -> None:
        dice = random.Random(client)
        kinds: list[Callable[[Server, int], str | None]] = [_ensemble, _single, _page, _stream]
        number = 5000 * client
        while not self.over.is_set():
            server = self.server
            if server is None:
                time.sleep(0.1)
                continue
            (kind,) = dice.choices(kinds, (4, 3, 2, 1))
            number += 1
            self._time(kind, server, number)

    def _time(self, kind: Callable[[Server, int], str | None], server: Server, number: int) -> None:
        began = time.perf_counter()
        try:
            refusal = kind(server, number)
        except (OSError, http.client.HTTPException) as error:
            if self.server is server:
                self._tally.note("broken", repr(error))
            else:
                self._tally.note("cut off by the kill")
        except (AssertionError, KeyError, ValueError, TypeError) as error:
            self._tally.note("wrong", f"{kind.__name__[1:]}: {str(error)[:300]}")
        else:
            if refusal is not None:
                self._tally.note("refused" if refusal.startswith("503") else "failed", refusal)
                return
            with self._tally.lock:
                self._tally.seconds[kind.__name__[1:]].append(time.perf_counter() - began)


def _ensemble(server: Server, number: int) -> str | None:
    parameters = ensemble(number, LATEST)
    answer = server.ask("/sim/spaceshot", parameters)
    if answer.status != 200:
        return f"{answer.status} {answer.body[:200]!r}"
    result = answer.json()
    check_ensemble(result, parameters, WINDS[result["gefs"]], result["failed_models"])
    return None


def _single(server: Server, number: int) -> str | None:
    parameters, member = question(number, LATEST), number % MEMBERS
    answer = server.ask("/sim/singlezpb", {**parameters, "model": member})
    if answer.status != 200:
        return f"{answer.status} {answer.body[:200]!r}"
    check_some_flight(answer.json(), parameters, member, WINDS.values())
    return None


def _page(server: Server, number: int) -> str | None:
    page = PAGES[number % len(PAGES)]
    answer = server.ask(page)
    return None if answer.status == 200 and answer.body else f"{answer.status} {page} {answer.body[:200]!r}"


def _stream(server: Server, number: int) -> str | None:
    """Ask without waiting, follow the progress to its end, and take the result."""
    parameters = ensemble(number, LATEST)
    begun = server.ask("/sim/spaceshot", {**parameters, "wait": "false"})
    if begun.status != 202:
        return f"{begun.status} {begun.body[:200]!r}"
    events = list(_events(server, begun.json()["progress"]))
    if events[-1]["status"] == "error":
        return f"503 {events[-1]['error']}"
    assert events[-1]["status"] == "complete", events[-1]
    done = [event["completed"] for event in events]
    assert done == sorted(done), done
    result = server.ask(begun.json()["result"])
    if result.status != 200:
        return f"{result.status} {result.body[:200]!r}"
    check_ensemble(result.json(), parameters, WINDS[result.json()["gefs"]], result.json()["failed_models"])
    return None


def _events(server: Server, path: str) -> Iterator[dict[str, Any]]:
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)) as connection:
        connection.request("GET", path)
        response = connection.getresponse()
        status = None
        while line := response.readline():
            if line.startswith(b"data: "):
                event = json.loads(line[6:])
                status = event["status"]
                yield event
        if status not in ("complete", "error"):  # http.client ends a broken stream without a word
            raise http.client.IncompleteRead(b"")


def _trouble(site: Site, tally: Tally, over: Event, pause: float) -> None:
    """Publish the next cycle and strike transfers, again and again."""
    dice = random.Random(0)
    for cycle in CYCLES[1:]:
        if over.wait(pause):
            break
        site.front.heal()
        site.publish(cycle, WINDS[str(cycle)])
        fault = dice.choice(list(Fault))
        site.front.strike(fault, dice.randint(1, 4))
        tally.note("cycles")
        tally.note(f"faults: {fault.name.lower()}")
    site.front.heal()


def _watch(load: Load, tally: Tally) -> None:
    """Measure the workers every two seconds."""
    while not load.over.wait(2.0):
        server = load.server
        try:
            workers = server.workers() if server is not None else []
            if workers:
                tally.memory.append(max(worker.memory_full_info().uss for worker in workers) / 1e6)
                tally.descriptors.append(max(worker.num_fds() for worker in workers))
        except psutil.Error:
            continue  # killed just now


def soak(site: Site, seconds: float, tally: Tally) -> None:
    """Do it all."""
    site.publish(CYCLES[0], WINDS[str(CYCLES[0])])
    load = Load(tally)
    pause = max(SETTLING, seconds / (len(CYCLES) - 1))
    troubling = Thread(target=_trouble, args=(site, tally, load.over, pause))
    watching = Thread(target=_watch, args=(load, tally))
    threads = (troubling, watching)
    try:
        for half in range(2):
            began = time.perf_counter()
            with site.serving() as server:
                while server.ask("/ready").status != 200:
                    time.sleep(0.05)
                tally.seconds["start until ready"].append(time.perf_counter() - began)
                load.server = server
                if half == 0:
                    load.begin()
                    for thread in threads:
                        thread.start()
                time.sleep(seconds / 2)
                load.server = None
                if half == 0:
                    server.kill()
                else:
                    load.end()
    finally:
        load.over.set()
        for thread in threads:
            thread.join()
    tally.counts["half-made files left"] = len(site.partials())
    site.check_copies()


def print_table(tally: Tally) -> None:
    """Print what was seen."""
    print(f"{'':20} {'count':>8} {'50 %':>9} {'95 %':>9} {'99 %':>9} {'most':>9}  ms")
    for kind, times in tally.seconds.items():
        figures = "".join(
            f" {1e3 * float(np.quantile(times, share)):9.1f}" for share in (0.5, 0.95, 0.99, 1.0)
        )
        print(f"{kind:20} {len(times):8}{figures}")
    print()
    for what in ("wrong", "failed", "broken", "refused", "cut off by the kill", "half-made files left"):
        print(f"{what:22} {tally.counts[what]:8}")
    for what, count in sorted(tally.counts.items()):
        if what.startswith(("cycles", "faults")):
            print(f"{what:22} {count:8}")
    for name, series in (("USS, MB", tally.memory), ("descriptors", tally.descriptors)):
        tenth = max(len(series) // 10, 1)
        first, last = float(np.median(series[:tenth])), float(np.median(series[-tenth:]))
        print(f"{name:22} {first:8.1f} at first, {last:.1f} in the end, {max(series):.1f} at most")
    for complaint in tally.complaints:
        print(f"  {complaint}")


def main() -> None:
    """Soak, print the table, say by the exit code whether all was right."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=60.0)
    minutes = parser.parse_args().minutes
    tally = Tally()
    with (
        tempfile.TemporaryDirectory(prefix="soak") as folder,
        s3server.serving() as s3,
        site_over(s3, Path(folder)) as site,
    ):
        soak(site, 60.0 * minutes, tally)
    print_table(tally)
    sys.exit(any(tally.counts[what] for what in ("wrong", "failed", "broken", "half-made files left")))


if __name__ == "__main__":
    main()
