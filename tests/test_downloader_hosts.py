"""Politeness towards NOAA's hosts: turns, budgets, pauses, and what their statuses mean."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from habsim.errors import BadFileError
from scripts.downloader.hosts import (
    THROTTLED,
    AbsentError,
    BudgetError,
    Clock,
    GoneError,
    Host,
    TroubleError,
)
from tests.noaa import Noaa, cut, noaa, status

PATH = "gefs.20260101/00/file"
CONTENT = bytes(range(256)) * 40


@dataclass
class Time:
    """A clock that is moved by waiting alone."""

    now: float = 1e9
    waits: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds

    def clock(self) -> Clock:
        return Clock(lambda: self.now, self.sleep, lambda: 1.0)


@pytest.fixture
def server() -> Iterator[Noaa]:
    with noaa() as running:
        running.files[PATH] = CONTENT
        yield running


@pytest.fixture
def time() -> Time:
    return Time()


def host_of(server: Noaa, time: Time) -> Host:
    return Host(server.address, "HABSIM/test", time.clock())


def whole(host: Host, first: int = 0, end: int = len(CONTENT), least: int = 0) -> bytes:
    return b"".join(host.pieces(PATH, first, end, least))


def test_a_range_is_the_bytes_asked_for(server: Noaa, time: Time) -> None:
    assert whole(host_of(server, time), 100, 9000) == CONTENT[100:9000]
    assert server.agents == {"HABSIM/test"}
    assert time.waits == []


def test_requests_of_a_host_keep_their_distance(server: Noaa, time: Time) -> None:
    host = Host(server.address, "HABSIM/test", time.clock(), spacing=1.0)
    for _ in range(4):
        host.size(PATH)
    assert time.waits == [1.0, 1.0, 1.0]


def test_a_budget_outlives_a_restart_and_is_told(server: Noaa, time: Time, tmp_path: Path) -> None:
    def opened() -> Host:
        return Host(server.address, "HABSIM/test", time.clock(), limit=3, ledger=tmp_path / "requests")

    for _ in range(3):
        opened().size(PATH)
    with pytest.raises(BudgetError, match=r"3 times .* --source nomads --yes"):
        opened().size(PATH)
    assert sum(server.asked.values()) == 3


def test_throttled_all_wait_ten_minutes(server: Noaa, time: Time) -> None:
    server.faults[PATH] = status(302, 1)
    assert host_of(server, time).size(PATH) == len(CONTENT)
    assert sum(time.waits) == THROTTLED == 600.0


def test_failures_are_repeated_with_growing_pauses(server: Noaa, time: Time) -> None:
    server.faults[PATH] = status(500, 4)
    assert host_of(server, time).size(PATH) == len(CONTENT)
    assert time.waits == [1.0, 2.0, 4.0, 8.0]


def test_a_host_that_keeps_failing_is_left_alone_for_a_minute(server: Noaa, time: Time) -> None:
    server.faults[PATH] = status(503)
    host = host_of(server, time)
    with pytest.raises(TroubleError, match="status 503"):
        host.size(PATH)
    asked = sum(server.asked.values())
    assert asked == 5
    with pytest.raises(TroubleError, match="a moment ago"):
        host.size(PATH)
    assert sum(server.asked.values()) == asked
    time.now += 60.0
    server.faults.clear()
    assert host.size(PATH) == len(CONTENT)


def test_a_host_that_is_away_is_trouble(server: Noaa, time: Time) -> None:
    with noaa() as gone:
        pass
    with pytest.raises(TroubleError):
        host_of(gone, time).size(PATH)


def test_statuses_have_their_meaning(server: Noaa, time: Time) -> None:
    host = host_of(server, time)
    with pytest.raises(AbsentError, match="not there yet"):
        host.size("nothing")
    server.faults[PATH] = status(403)
    with pytest.raises(GoneError, match="no longer"):
        host.size(PATH)
    assert not host.has(PATH)
    assert time.waits == []


def test_an_empty_file_is_not_there(server: Noaa, time: Time) -> None:
    server.files[PATH] = b""
    assert not host_of(server, time).has(PATH)


@pytest.mark.parametrize(("end", "least"), [(len(CONTENT) + 1, 0), (100, len(CONTENT))])
def test_a_file_shorter_than_its_inventory_says_is_bad(
    server: Noaa, time: Time, end: int, least: int
) -> None:
    with pytest.raises(BadFileError, match="short"):
        whole(host_of(server, time), 0, end, least)


def test_a_host_that_ignores_ranges_is_no_use(server: Noaa, time: Time) -> None:
    server.faults[PATH] = status(200)
    with pytest.raises(BadFileError, match="ignores ranges"):
        whole(host_of(server, time))


def test_a_transfer_that_breaks_off_is_trouble(server: Noaa, time: Time) -> None:
    server.faults[PATH] = cut()
    with pytest.raises(TroubleError):
        whole(host_of(server, time))
