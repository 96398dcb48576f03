"""Proofs of flights by ranges: as right as over whole files, whoever asks, whatever breaks, whoever dies."""

import random
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.client import HTTPException
from threading import Event
from typing import Any

import numpy as np
import pytest

from habsim import member
from habsim.cycle import PERIOD, Cycle
from habsim.files import publish
from tests import winds as made_up
from tests.proofs import (
    FIRST,
    LARGE,
    MEMBERS,
    Answer,
    Server,
    Site,
    check_ensemble,
    ensemble,
    eventually,
    member_file,
    question,
    together,
    winds,
)
from tests.s3front import Fault
from tests.stores import ELEVATION, HOUR, WHICH
from tests.winds import Grid

pytestmark = pytest.mark.proof

NEXT = Cycle.at(FIRST.time + PERIOD)
FAULTS = (Fault.CUT, Fault.SHORT, Fault.SHIFTED, Fault.UNRANGED)
WEATHER = Grid(181, 361, 13, (5.0, 50.0, 100.0, 250.0, 500.0, 850.0))  # 20 MB a member
RIDGES = (720, 1440)  # cells: 2 MB
KILLS = 12

SINGLE = {"/sim/singlezpb": {"model": 3}, "/sim/winds": {"model": 2}, "/sim/elev": {}}

# lat, lon, h of floating: the poles, both seams, a day, mid-latitudes.
PLACES = (
    (90.0, 0.0, 0.0), (-90.0, 120.0, 0.0), (88.8, -179.99, 6.0), (-86.5, 0.01, 0.0), (15.0, 180.0, 0.0),
    (-40.0, -180.0, 3.0), (52.0, 0.0, 0.0), (52.0, -0.001, 24.0), (-30.0, 179.5, 24.0), (70.0, 25.0, 24.0),
    (37.3553, -121.8763, 0.0), (-33.0, 18.5, 1.0),
)  # fmt: skip


def right(answer: Answer, number: int, u: float, cycle: Cycle = FIRST) -> None:
    """An ensemble is answered, and right."""
    assert answer.status == 200, answer.body
    check_ensemble(answer.json(), ensemble(number, cycle), u)


def shares(server: Server) -> list[float]:
    """Return how much of each member is here."""
    present: dict[str, float] = server.ask("/sim/cache-status").json()["gefs_cache"]["present"]
    return list(present.values())


@pytest.mark.parametrize("heights", [False, True])
def test_answers_are_those_over_a_folder_to_the_last_digit(
    site: Site, heights: bool, tell: Callable[[str], None]
) -> None:
    folder = site.folder / "store"
    publish_weather(site, heights)
    for name in [*map(FIRST.member_file, range(MEMBERS)), ELEVATION]:
        site.bucket.upload(name, folder / name)
    site.bucket.put(WHICH, f"{FIRST}\n".encode())
    (folder / WHICH).write_text(f"{FIRST}\n")
    settings = {"HABSIM_STORE": str(folder), "HABSIM_DATA_DIR": str(site.folder / "other")}
    with site.serving() as far, site.serving(**settings) as near:
        for place in PLACES:
            asked = flight(*place)
            answers = [server.ask("/sim/spaceshot", asked) for server in (far, near)]
            assert [answer.status for answer in answers] == [200, 200], answers[0].body
            ours, theirs = (answer.json() for answer in answers)
            for key in ("paths", "heatmap_data", "phases", "failed_models"):
                assert ours[key] == theirs[key], (place, key)
            assert ours["failed_models"] == []
            for route, more in (
                ("/sim/singlezpb", {"model": 3}),
                ("/sim/winds", {"model": 2}),
                ("/sim/elev", {}),
            ):
                one, other = (server.ask(route, {**asked, **more}) for server in (far, near))
                assert (one.status, one.body) == (200, other.body), (place, route)
        spans = [server.ask("/sim/which").json() for server in (far, near)]
        assert spans[0]["start"] == spans[1]["start"]
        assert spans[0]["end"] == spans[1]["end"]
        tell(
            f"{len(PLACES)} places, poles and seams: equal; {100 * max(shares(far)):.0f} % of members fetched"
        )
    assert site.check_mirrors() > 0
    assert site.copies() == []


def test_many_who_ask_of_an_empty_cache_far_away_are_answered_right(
    site: Site, tell: Callable[[str], None]
) -> None:
    site.publish(FIRST, 10.0, LARGE)
    site.front.pause = 0.03
    chance = random.Random(2)
    numbers = [chance.randrange(30_000) for _ in range(96)]
    with site.serving(WEB_CONCURRENCY="8") as server:
        answers = together(32, lambda number: server.ask("/sim/spaceshot", ensemble(number)), numbers)
        for number, answer in zip(numbers, answers, strict=True):
            right(answer, number, 10.0)
        fetched = server.figure("habsim_download_bytes_total") / 1e6
        tell(f"8 workers, 32 clients, {len(numbers)} random sites: all right, {fetched:.1f} MB fetched")
    assert site.check_mirrors() > 0


@pytest.mark.parametrize("fault", FAULTS)
def test_ranges_that_come_wrong_now_and_then_harm_nobody(site: Site, fault: Fault) -> None:
    site.publish(FIRST, 10.0, LARGE)
    with site.serving() as server:
        for number in range(0, 30_000, 3000):
            site.front.strike(fault, times=2)  # a range is tried three times, at least
            right(server.ask("/sim/spaceshot", ensemble(number)), number, 10.0)
        assert site.front.struck == 20
    site.check_mirrors()


@pytest.mark.parametrize("fault", [*FAULTS, Fault.REFUSED])
def test_ranges_that_go_on_coming_wrong_are_an_error_until_they_do_not(
    site: Site, fault: Fault, tell: Callable[[str], None]
) -> None:
    site.publish(FIRST, 10.0, LARGE)
    with site.serving() as server:
        right(server.ask("/sim/spaceshot", ensemble(1)), 1, 10.0)
        site.front.strike(fault)
        answer = server.ask("/sim/spaceshot", ensemble(20_000))
        assert answer.status == 503, answer.body
        site.front.heal()
        right(server.ask("/sim/spaceshot", ensemble(20_000)), 20_000, 10.0)
        tell(f"every range {fault.name.lower()}: 503, {answer.json()['error']}")
    site.check_mirrors()


def test_members_replaced_while_many_ask_are_never_mixed(site: Site, tell: Callable[[str], None]) -> None:
    """Each answer is wholly of the old winds or of the new ones, member by member, or lacks the member."""
    site.publish(FIRST, 10.0, LARGE)
    with site.serving() as server, ThreadPoolExecutor(4) as clients:
        over = Event()
        asking = [clients.submit(ask_either, server, over, 7000 * n) for n in range(4)]
        try:
            right(server.ask("/sim/spaceshot", ensemble(29_000)), 29_000, 10.0)
            for number, wind in enumerate(winds(-10.0)):
                site.bucket.put(FIRST.member_file(number), member_file(FIRST, wind, LARGE))
                assert not over.wait(0.3)
            eventually(lambda: wholly_new(server), "all members new")
        finally:
            over.set()
        answered = sum(client.result() for client in asking)
        right(server.ask("/sim/spaceshot", ensemble(20_006)), 20_006, -10.0)
        tell(f"all members replaced under load: {answered} answers, no flight in mixed winds")
    site.check_mirrors()


def wholly_new(server: Server) -> bool:
    """Return whether an ensemble of the new winds comes, of all members."""
    answer = server.ask("/sim/spaceshot", ensemble(random.randrange(20_000, 30_000)))
    if answer.status != 200 or answer.json()["failed_models"]:
        return False
    return all(path[-1][1] < path[0][1] for path in answer.json()["paths"])


def ask_either(server: Server, over: Event, first: int) -> int:
    """Ask until it is over; return how many answers came whose every flight is in old or in new winds."""
    answered = 0
    for number in range(first, first + 1000):
        if over.is_set():
            break
        answer = server.ask("/sim/spaceshot", ensemble(number))
        assert answer.status in (200, 503), answer.body
        if answer.status == 200:
            answered += 1
            check_either(answer.json(), ensemble(number))
    return answered


def check_either(result: Any, parameters: dict[str, Any]) -> None:
    """Each member's flights all went the way of its old or all of its new winds."""
    ways: dict[str, set[bool]] = {}
    for _, lon, label in result["heatmap_data"]:
        ways.setdefault(label.split("_")[1], set()).add(lon > parameters["lon"])
    assert all(len(way) == 1 for way in ways.values()), ways


def test_workers_killed_at_random_leave_nothing_that_is_trusted_and_wrong(
    site: Site, tell: Callable[[str], None]
) -> None:
    site.publish(FIRST, 10.0, LARGE)
    site.front.pause = 0.01
    chance = random.Random(3)
    with site.serving() as server, ThreadPoolExecutor(8) as clients:
        over = Event()
        asking = [clients.submit(ask_on, server, over, 3500 * n) for n in range(8)]
        for _ in range(KILLS):
            assert not over.wait(chance.uniform(0.2, 0.6))
            victims = server.workers()
            if victims:
                chance.choice(victims).kill()
            site.check_mirrors()
        over.set()
        answered = sum(client.result() for client in asking)
        eventually(lambda: len(server.workers()) == 4, "new workers")
        for number in range(100, 30_000, 2500):
            right(server.ask("/sim/spaceshot", ensemble(number)), number, 10.0)
        tell(f"{KILLS} workers killed at random: {answered} answers before and after, none wrong")
    assert site.check_mirrors() > 0


def ask_on(server: Server, over: Event, first: int) -> int:
    """Ask until it is over, whoever hangs up; return how many were answered, all right."""
    answered = 0
    for number in range(first, first + 3000):
        if over.is_set():
            break
        try:
            right(server.ask("/sim/spaceshot", ensemble(number)), number, 10.0)
            answered += 1
        except (HTTPException, OSError):
            continue
    return answered


def test_whole_files_come_in_the_background_and_flights_do_not_wait(
    site: Site, tell: Callable[[str], None]
) -> None:
    site.publish(FIRST, 10.0, LARGE)
    with site.serving(HABSIM_WHOLE_FILES="1") as server:
        right(server.ask("/sim/spaceshot", ensemble(1)), 1, 10.0)
        eventually(lambda: shares(server) == [1.0] * MEMBERS, "all members here")
        assert len(site.copies()) == MEMBERS
        site.check_copies()
        eventually(lambda: list((site.data / "gefs").glob("*.mirror")) == [], "no mirror")
        asked = site.front.asked.copy()
        for number in range(0, 30_000, 5000):
            right(server.ask("/sim/spaceshot", ensemble(number)), number, 10.0)
        assert site.front.asked == asked
        site.publish(NEXT, 20.0, LARGE)
        site.follow(NEXT)
        right(server.ask("/sim/spaceshot", ensemble(1, NEXT)), 1, 20.0, NEXT)
        eventually(lambda: shares(server) == [1.0] * MEMBERS, "all members of the next cycle here")
    tell("whole files: copied one after the other behind the flights, of the next cycle, too")


def test_a_new_cycle_is_flown_by_ranges_at_once_and_old_mirrors_go(site: Site) -> None:
    site.publish(FIRST, 10.0, LARGE)
    with site.serving() as server:
        right(server.ask("/sim/spaceshot", ensemble(1)), 1, 10.0)
        site.publish(NEXT, 20.0, LARGE)
        site.follow(NEXT)
        right(server.ask("/sim/spaceshot", ensemble(1, NEXT)), 1, 20.0, NEXT)
        old = re.compile(f"{FIRST}_.*mirror")
        eventually(lambda: not any(map(old.match, names(site))), "the old cycle's mirrors go")
    assert len(names(site)) == MEMBERS


def names(site: Site) -> list[str]:
    """Return the names of the members' copies."""
    return [path.name for path in (site.data / "gefs").glob("20*")]


def flight(lat: float, lon: float, hours: float) -> dict[str, Any]:
    """Return the parameters of a flight over real-looking weather."""
    return {
        **question(0),
        "timestamp": FIRST.time + 3 * HOUR,
        "lat": lat,
        "lon": lon,
        "equil": 26_000.0,
        "eqtime": hours,
        "num_perturbations": 5,
    }


def publish_weather(site: Site, heights: bool) -> None:
    """Make a folder with members of rough winds, each turned by a degree, and ridges."""
    data, levels = made_up.rough(WEATHER), made_up.heights(WEATHER) if heights else None
    for number in range(MEMBERS):
        write = partial(
            member.write,
            data=turn(data, number),
            levels_hpa=np.array(WEATHER.levels_hpa),
            start=FIRST.time,
            interval=made_up.INTERVAL,
            heights=None if levels is None else turn(levels, number),
        )
        publish(site.folder / "store" / FIRST.member_file(number), write, durable=False)
    rows, columns = np.indices(RIDGES)
    cells = (700.0 + 600.0 * np.sin(rows / 9.0) * np.cos(columns / 7.0)).astype("<i2")
    publish(site.folder / "store" / ELEVATION, lambda stream: np.save(stream, cells), durable=False)


def turn(values: Any, columns: int) -> Any:
    """Return values (lat, lon, ...) turned eastward; the last column stays the first again."""
    turned = np.roll(values[:, :-1], columns, 1)
    return np.concatenate([turned, turned[:, :1]], 1)
