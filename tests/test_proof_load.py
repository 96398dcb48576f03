"""Proofs of load: requests of all kinds from many clients, none of them failing, nothing growing."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import psutil
import pytest

from tests.proofs import (
    FIRST,
    Server,
    Site,
    check_ensemble,
    check_flight,
    ensemble,
    question,
    together,
    winds,
)

pytestmark = pytest.mark.proof

CLIENTS = 32
MIXED = 300
MANY = 3000
SLACK = 8.0  # MB of a worker: what caches that fill up to their bounds, and the allocator, may take meanwhile

Kind = Callable[[Server, int], None]


def flight(server: Server, number: int) -> None:
    asked = question(number)
    answer = server.ask("/sim/singlezpb", {**asked, "model": number % 6})
    assert answer.status == 200, answer.body
    check_flight(answer.json(), asked, winds(10.0)[number % 6])


def whole(server: Server, number: int) -> None:
    answer = server.ask("/sim/spaceshot", ensemble(number))
    assert answer.status == 200, answer.body
    check_ensemble(answer.json(), ensemble(number), 10.0)


def begun(server: Server, number: int) -> None:
    answer = server.ask("/sim/spaceshot", {**ensemble(number), "wait": "false"})
    assert answer.status == 202, answer.body
    identity = answer.json()["request_id"]
    assert server.ask("/sim/progress-stream", {"request_id": identity}).status == 200  # until its end
    result = server.ask("/sim/result", {"request_id": identity})
    assert result.status == 200, result.body
    check_ensemble(result.json(), ensemble(number), 10.0)


def wrong(server: Server, number: int) -> None:
    answer = server.ask("/sim/singlezpb", {**question(number), "model": 99})
    assert answer.status == 400


def looked_up(route: str, **parameters: Any) -> Kind:
    def ask(server: Server, number: int) -> None:
        answer = server.ask(route, parameters)
        assert answer.status == 200, answer.body

    return ask


MIX: list[Kind] = [
    whole,
    flight,
    begun,
    wrong,
    looked_up("/sim/elev", lat=1.0, lon=2.0),
    looked_up("/sim/winds", timestamp=FIRST.time + 3600.0, lat=1.0, lon=2.0, model=3),
    looked_up("/sim/models"),
    looked_up("/sim/which"),
    looked_up("/sim/status"),
    looked_up("/sim/cache-status"),
    looked_up("/health"),
    looked_up("/ready"),
    looked_up("/openapi.json"),
    looked_up("/metrics"),
]


def mixed(server: Server, first: int, count: int) -> None:
    """Ask `count` requests of all kinds, many at a time."""
    together(CLIENTS, lambda number: MIX[number % len(MIX)](server, number), range(first, first + count))


def test_three_hundred_mixed_requests_of_many_clients_are_answered(site: Site) -> None:
    site.publish(FIRST, 10.0)
    with site.serving() as server:
        mixed(server, 0, MIXED)
        classes = Counter(code[0] for code in statuses(server).elements())
        assert set(classes) == {"2", "4"}  # the fours are those that asked for a member 99


def test_memory_and_descriptors_stay_over_three_thousand_requests(
    site: Site, tell: Callable[[str], None]
) -> None:
    site.publish(FIRST, 10.0)
    with site.serving() as server:
        mixed(server, 0, MANY // 3)
        before = holdings(server)
        mixed(server, MANY // 3, MANY)
        after = holdings(server)
        assert after.keys() == before.keys()  # no worker died
        for worker, (memory, descriptors) in after.items():
            assert memory <= before[worker][0] + SLACK
            assert descriptors <= before[worker][1]
        tell(
            f"{MANY} requests more: a worker's USS {mean(before, 0):.1f} MB, then {mean(after, 0):.1f} MB; "
            f"descriptors {mean(before, 1):.1f}, then {mean(after, 1):.1f}"
        )


def statuses(server: Server) -> Counter[str]:
    """Return how many answers had each status."""
    counts: Counter[str] = Counter()
    for line in server.ask("/metrics").body.decode().splitlines():
        if line.startswith("habsim_requests_total{"):
            status = line.partition('status="')[2].partition('"')[0]
            counts[status] += int(float(line.rpartition(" ")[2]))
    return counts


def holdings(server: Server) -> dict[int, tuple[float, int]]:
    """Return USS (MB) and descriptors of each worker."""
    return {worker.pid: holding(worker) for worker in server.workers()}


def holding(worker: psutil.Process) -> tuple[float, int]:
    return worker.memory_full_info().uss / 1e6, worker.num_fds()


def mean(holdings: dict[int, tuple[float, int]], which: int) -> float:
    return sum(each[which] for each in holdings.values()) / len(holdings)
