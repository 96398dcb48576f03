"""Stores and cycles: what is accepted, what is followed, what is refused, and the demonstration."""

import time
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread, Timer
from typing import Any

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient

from elev import publish_embedded
from gefs import Cycles, watch
from habsim.cycle import Cycle
from habsim.default_store import DemoStore
from habsim.files import claim
from habsim.stores import FolderStore
from tests.service import ENSEMBLE, FLIGHT, SINGLE, application, error, get
from tests.stores import (
    CYCLE,
    ELEVATION,
    HOUR,
    NEXT,
    PLATEAU_LAT,
    PLATEAU_LON,
    STILL,
    WHICH,
    Wind,
    point_at,
    publish_cycle,
    publish_elevation,
    publish_member,
    replace,
)

EASTWARD: Wind = (10.0, 0.0)
WESTWARD: Wind = (-10.0, 0.0)
PATIENCE = 60.0  # s, after which a test gives up on what should come in one or two
USES_ELEVATION = ["/sim/singlezpb", "/sim/spaceshot", "/sim/elev", "/sim/which", "/ready"]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    folder = tmp_path / "store"
    folder.mkdir()
    return folder


@pytest.fixture
def client(store: Path, tmp_path: Path) -> FlaskClient:
    return application(store, tmp_path / "data").test_client()


def eventually(true: Callable[[], bool]) -> bool:
    """Return whether something comes true before long."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def refused(client: FlaskClient) -> str:
    """Return why the store cannot be used."""
    response = client.get("/ready")
    assert response.headers["Retry-After"] == "5"
    return error(client, "/ready", {}, 503)


def look(client: FlaskClient) -> tuple[Cycle, bool]:
    """Have the server look at its store; return the cycle in force and whether that is news."""
    forecast, changed = client.application.extensions["habsim"].cycles.look()
    return forecast.cycle, changed


# What is accepted


def test_an_empty_store_is_an_error_that_says_what_to_do(client: FlaskClient, store: Path) -> None:
    sentence = refused(client)
    assert str(store) in sentence
    assert "publish" in sentence
    assert "HABSIM_STORE" in sentence


def test_a_request_waits_for_a_cycle_and_then_says_what_to_do(client: FlaskClient) -> None:
    assert error(client, "/sim/singlezpb", SINGLE, 503) == refused(client)


def test_too_few_members_are_an_error_that_says_both_numbers(client: FlaskClient, store: Path) -> None:
    publish_cycle(store, winds=[STILL] * 2)
    sentence = refused(client)
    assert "2 of 3 members" in sentence
    assert "HABSIM_MEMBERS" in sentence


@pytest.mark.parametrize(
    "text", ["", "soon", "2026010103", "2026013112x", "20260230 12", "../../x", "2026010100\n2026010106"]
)
def test_a_whichgefs_that_names_no_cycle_is_an_error_that_says_so(
    client: FlaskClient, store: Path, text: str
) -> None:
    publish_cycle(store)
    point_at(store, text)
    assert refused(client).startswith(WHICH)


def test_a_store_that_is_no_folder_is_an_error_that_says_so(client: FlaskClient, store: Path) -> None:
    store.rmdir()
    store.write_bytes(b"")
    assert "cannot be read" in refused(client)


def test_white_space_about_the_cycle_s_name_does_no_harm(client: FlaskClient, store: Path) -> None:
    publish_cycle(store)
    point_at(store, f"  {CYCLE} \r\n")
    assert get(client, "/sim/which")["gefs"] == str(CYCLE)


def test_a_cycle_published_while_a_request_waits_is_its_answer(client: FlaskClient, store: Path) -> None:
    error(client, "/ready", {}, 503)
    publisher = Timer(0.2, publish_cycle, args=(store,))
    publisher.start()
    get(client, "/sim/singlezpb", SINGLE)
    publisher.join()


# What is followed


def landing(client: FlaskClient) -> tuple[float, ...]:
    """Return where a single flight lands, relative to its launch."""
    lat, lon = get(client, "/sim/singlezpb", SINGLE)[2][-1][:2]
    return tuple(np.sign([lat - FLIGHT["lat"], lon - FLIGHT["lon"]]))


def test_the_pointer_is_followed_forward_and_back(client: FlaskClient, store: Path) -> None:
    publish_cycle(store, CYCLE, [EASTWARD] * 3)
    assert look(client) == (CYCLE, True)
    assert landing(client)[1] == 1
    publish_cycle(store, NEXT, [WESTWARD] * 3)
    assert look(client) == (NEXT, True)
    assert landing(client)[1] == -1
    point_at(store, str(CYCLE))
    assert look(client) == (CYCLE, True)
    assert landing(client)[1] == 1
    assert look(client) == (CYCLE, False)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_refresh_looks_at_once_and_says_whether_the_cycle_changed(
    client: FlaskClient, store: Path, method: str
) -> None:
    publish_cycle(store)
    first, second = (client.open("/sim/refresh", method=method).get_json() for _ in range(2))
    assert first == {"gefs": str(CYCLE), "changed": True}
    assert second == {"gefs": str(CYCLE), "changed": False}


def test_a_refresh_of_an_empty_store_says_what_to_do(client: FlaskClient) -> None:
    assert "publish" in error(client, "/sim/refresh", {}, 503)


def test_a_new_cycle_is_found_without_being_asked_for(client: FlaskClient, store: Path) -> None:
    publish_cycle(store, CYCLE)
    assert get(client, "/sim/which")["gefs"] == str(CYCLE)
    publish_cycle(store, NEXT)
    assert eventually(lambda: get(client, "/sim/which")["gefs"] == str(NEXT))


def test_workers_agree_on_the_cycle_at_once(store: Path, tmp_path: Path) -> None:
    one, other = (application(store, tmp_path / "data").test_client() for _ in range(2))
    publish_cycle(store, CYCLE)
    for client in (one, other):
        assert get(client, "/sim/which")["gefs"] == str(CYCLE)
    publish_cycle(store, NEXT)
    look(one)
    assert get(other, "/sim/which")["gefs"] == str(NEXT)


def test_no_answer_mixes_two_cycles_however_often_the_pointer_moves(client: FlaskClient, store: Path) -> None:
    winds = {str(CYCLE): EASTWARD, str(NEXT): WESTWARD}
    for cycle in (CYCLE, NEXT):
        publish_cycle(store, cycle, [winds[str(cycle)]] * 3)
    done = Event()

    def move() -> None:
        mover = client.application.test_client()
        while not done.is_set():
            for name in winds:
                point_at(store, name)
                look(mover)

    thread = Thread(target=move)
    thread.start()
    met = set()
    try:
        for number in range(60):
            answer = get(client, "/sim/spaceshot", ENSEMBLE, lat=number)
            met.add(answer["gefs"])
            eastward = winds[answer["gefs"]] is EASTWARD
            assert {place[1] > FLIGHT["lon"] for place in answer["heatmap_data"]} == {eastward}
    finally:
        done.set()
        thread.join()
    assert met == set(winds)


def test_a_half_published_cycle_is_not_taken(client: FlaskClient, store: Path) -> None:
    publish_cycle(store, CYCLE, [EASTWARD] * 3)
    look(client)
    for number in (0, 2):
        publish_member(store, NEXT, number, WESTWARD)
    point_at(store, str(NEXT))
    assert look(client) == (CYCLE, False)
    assert landing(client)[1] == 1
    publish_member(store, NEXT, 1, WESTWARD)
    assert look(client) == (NEXT, True)


def test_a_pointer_that_breaks_or_vanishes_leaves_the_cycle_in_force(
    client: FlaskClient, store: Path
) -> None:
    publish_cycle(store)
    look(client)
    point_at(store, "soon")
    assert look(client) == (CYCLE, False)
    (store / WHICH).unlink()
    assert look(client) == (CYCLE, False)


def test_a_cycle_accepted_from_another_store_does_not_count(store: Path, tmp_path: Path) -> None:
    publish_cycle(store, CYCLE)
    get(application(store, tmp_path / "data").test_client(), "/sim/which")
    elsewhere = publish_cycle(tmp_path / "elsewhere", NEXT)
    moved = application(elsewhere, tmp_path / "data").test_client()
    assert get(moved, "/sim/which")["gefs"] == str(NEXT)


@pytest.mark.parametrize("text", ["", "2026010100", "soon\nhere\n", "\xff\0"])
def test_a_spoiled_note_of_the_accepted_cycle_is_made_anew(store: Path, tmp_path: Path, text: str) -> None:
    publish_cycle(store)
    data = tmp_path / "data"
    data.mkdir()
    (data / "currgefs.txt").write_text(text, "latin-1")
    assert get(application(store, data).test_client(), "/sim/which")["gefs"] == str(CYCLE)


def test_the_watcher_takes_a_new_cycle_while_nobody_asks(store: Path, tmp_path: Path) -> None:
    publish_cycle(store)
    looked, stop = Event(), Event()
    cycles = Cycles(lambda: FolderStore(store), 3, tmp_path)
    thread = Thread(target=watch, args=(cycles, looked.set, tmp_path / "watcher.lock", 0.01, stop))
    thread.start()
    try:
        assert eventually((tmp_path / "currgefs.txt").exists)
        publish_cycle(store, NEXT)
        assert eventually(lambda: (tmp_path / "currgefs.txt").read_text().startswith(str(NEXT)))
        (store / WHICH).unlink()  # which it outlives
        looked.clear()
        assert looked.wait(PATIENCE)
    finally:
        stop.set()
        thread.join()


def test_one_watcher_of_a_host_looks(store: Path, tmp_path: Path) -> None:
    turns = [0, 0]
    stop = Event()

    def turn(number: int) -> Callable[[], None]:
        def count() -> None:
            turns[number] += 1

        return count

    cycles = Cycles(lambda: FolderStore(store), 3, tmp_path)
    threads = [
        Thread(target=watch, args=(cycles, turn(number), tmp_path / "watcher.lock", 0.01, stop))
        for number in (0, 1)
    ]
    with claim(tmp_path / "watcher.lock") as held:
        assert held
        for thread in threads:
            thread.start()
        stop.wait(0.2)
        assert turns == [0, 0]
    try:
        assert eventually(lambda: sum(turns) > 20)
        assert min(turns) == 0
    finally:
        stop.set()
        for thread in threads:
            thread.join()


# Elevation, and members that go


SPOILED = {
    "missing": None,
    "empty": b"",
    "text": b"elevation",
    "cut in its header": b"\x93NUMPY\x01\0v\0{'descr': '<i2', 'fortran_order': False, ",
}


@pytest.mark.parametrize("content", SPOILED.values(), ids=SPOILED.keys())
@pytest.mark.parametrize("route", USES_ELEVATION)
def test_elevation_that_cannot_be_used_is_an_error_and_never_sea(
    client: FlaskClient, store: Path, route: str, content: bytes | None
) -> None:
    publish_cycle(store)
    query = ENSEMBLE if route == "/sim/spaceshot" else SINGLE
    get(client, route, query)
    if content is None:
        (store / ELEVATION).unlink()
    else:
        replace(store / ELEVATION, content)
    assert ELEVATION in error(client, route, query, 503)
    publish_elevation(store)
    get(client, route, query)


def test_elevation_that_is_cut_short_is_an_error(client: FlaskClient, store: Path) -> None:
    publish_cycle(store)
    content = (store / ELEVATION).read_bytes()
    replace(store / ELEVATION, content[:-1])
    assert "truncated" in error(client, "/sim/elev", SINGLE, 503)


def test_replaced_elevation_is_used_at_once(client: FlaskClient, store: Path) -> None:
    publish_cycle(store)
    there = {**SINGLE, "lat": PLATEAU_LAT, "lon": PLATEAU_LON}
    for height in (1000.0, 2000.0):
        publish_elevation(store, height)
        assert get(client, "/sim/elev", there) == {"elevation": height}
        assert get(client, "/sim/singlezpb", there)[2][-1][2] == height


@pytest.mark.parametrize("route", ["/ready", "/sim/which"])
def test_a_cycle_is_usable_while_a_member_is_left(client: FlaskClient, store: Path, route: str) -> None:
    publish_cycle(store)
    look(client)
    (store / CYCLE.member_file(0)).unlink()
    assert get(client, route)["gefs"] == str(CYCLE)
    for number in (1, 2):
        (store / CYCLE.member_file(number)).unlink()
    assert "publish it again" in error(client, route, {}, 503)


# The demonstration


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    return application(None, tmp_path_factory.mktemp("data"), members=1)


def now(**changes: Any) -> dict[str, Any]:
    """Return a query of a flight that starts in an hour."""
    return {**SINGLE, "timestamp": time.time() + HOUR, **changes}


def test_with_nothing_configured_flights_of_the_next_three_days_are_answered(demo: Flask) -> None:
    for lead in (0.0, 36.0, 72.0):
        flight = get(demo.test_client(), "/sim/singlezpb", now(timestamp=time.time() + lead * HOUR))
        assert len(flight[2]) > 1


@pytest.mark.parametrize(
    "route", ["/sim/singlezpb", "/sim/spaceshot", "/sim/which", "/sim/elev", "/sim/models", "/ready"]
)
def test_every_answer_of_the_demonstration_says_so_in_a_header(demo: Flask, route: str) -> None:
    response = demo.test_client().get(route, query_string=now())
    assert response.status_code == 200
    assert response.headers["X-HABSIM-Demo"] == "true"


def test_the_demonstration_says_so_in_its_answers(demo: Flask) -> None:
    client = demo.test_client()
    assert get(client, "/sim/spaceshot", now())["demo"] is True
    which = get(client, "/sim/which")
    assert which["demo"] is True
    assert "not a forecast" in which["source"]


@pytest.mark.parametrize("route", ["/sim/singlezpb", "/sim/spaceshot"])
@pytest.mark.parametrize("extension", ["csv", "kml", "geojson"])
def test_files_of_the_demonstration_say_so_in_their_names_and_first_lines(
    demo: Flask, route: str, extension: str
) -> None:
    response = demo.test_client().get(route, query_string=now(format=extension))
    assert 'filename="DEMO_' in response.headers["Content-Disposition"]
    assert "demo" in response.text[:500].lower()


def test_the_demonstration_stays_out_of_the_store(demo: Flask) -> None:
    data = demo.extensions["habsim.settings"].data_dir
    assert (data / "demo" / WHICH).exists()
    assert not (data / "store").exists()


def test_a_store_that_appears_ends_the_demonstration_for_good(tmp_path: Path) -> None:
    client = application(None, tmp_path, members=1).test_client()
    assert get(client, "/sim/which")["demo"] is True
    publish_cycle(tmp_path / "store", winds=[STILL])
    assert look(client) == (CYCLE, True)
    response = client.get("/sim/spaceshot", query_string=ENSEMBLE)
    assert response.get_json()["demo"] is False
    assert "X-HABSIM-Demo" not in response.headers
    for file in (tmp_path / "store").iterdir():
        file.unlink()
    restarted = application(None, tmp_path, members=1).test_client()
    for server in (client, restarted):
        response = server.get("/ready")
        assert response.status_code == 503
        assert "X-HABSIM-Demo" not in response.headers


def test_a_configured_store_never_falls_back_to_the_demonstration(
    client: FlaskClient, tmp_path: Path
) -> None:
    refused(client)
    assert not (tmp_path / "data" / "demo").exists()


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("*.npz")}


def test_a_demo_cycle_is_remade_when_it_is_used_up_or_broken(tmp_path: Path) -> None:
    clock = Cycle("2026010118").time + HOUR
    store = DemoStore(tmp_path, 1, publish_embedded, lambda: clock)
    store.refresh()
    assert files(tmp_path) == {"2026010112_00.npz"}
    made = (tmp_path / WHICH).stat().st_mtime_ns
    clock = Cycle("2026010212").time
    store.refresh()
    assert (tmp_path / WHICH).stat().st_mtime_ns == made  # not yet a day old
    clock += HOUR
    store.refresh()
    assert files(tmp_path) == {"2026010112_00.npz", "2026010206_00.npz"}  # the one before may be in use
    (tmp_path / "2026010206_00.npz").unlink()
    clock += 6 * HOUR
    store.refresh()
    assert files(tmp_path) == {"2026010212_00.npz"}
