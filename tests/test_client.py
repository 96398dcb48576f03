"""Flights without a server are those of the server."""

from pathlib import Path

import pytest

from habsim.errors import (
    InvalidRequestError,
    OutsideForecastError,
    SettingsError,
    StoreError,
    UnavailableError,
)
from scripts.client import Client
from tests.service import ENSEMBLE, SINGLE, application, get
from tests.stores import CYCLE, HOUR, STILL, WHICH, eastward_degrees, publish_cycle

WINDS = ((10.0, 0.0), (20.0, 5.0), (-15.0, 0.0))


@pytest.fixture
def store(tmp_path: Path) -> Path:
    (tmp_path / "store").mkdir()
    return publish_cycle(tmp_path / "store", CYCLE, WINDS)


def client(store: Path, members: int = 3) -> Client:
    return Client(store, members, store.parent / "data")


def test_a_flight_is_the_servers(store: Path, tmp_path: Path) -> None:
    served = application(store, tmp_path / "served").test_client()
    result = client(store).flight(**SINGLE)
    assert result == {"phases": get(served, "/sim/singlezpb", SINGLE), "gefs": str(CYCLE), "demo": False}


def test_an_ensemble_is_the_servers(store: Path, tmp_path: Path) -> None:
    served = get(application(store, tmp_path / "served").test_client(), "/sim/spaceshot", ENSEMBLE)
    del served["landing"]["density"]["image"]
    assert client(store).ensemble(**ENSEMBLE) == served


def test_each_member_that_is_done_is_told(store: Path) -> None:
    told: list[tuple[int, int]] = []
    client(store).ensemble(lambda *done: told.append(done), **ENSEMBLE)
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_a_window_has_an_ensemble_for_each_launch(store: Path) -> None:
    launches = list(client(store).window(HOUR, 3, **{**ENSEMBLE, "lat": 0.0}))
    assert [time for time, _ in launches] == [ENSEMBLE["timestamp"] + number * HOUR for number in range(3)]
    end = ENSEMBLE["lon"] + eastward_degrees(10.0, 0.0, 15_000.0, 5.0, 4.0)
    for time, result in launches:
        lat, lon, _, landed = result["paths"][0][-1]
        assert (lat, lon, landed) == pytest.approx((0.0, end, time + 6750.0), abs=1e-5)


def test_a_wrong_parameter_is_named(store: Path) -> None:
    with pytest.raises(InvalidRequestError, match=r"^asc must be a number from 0\.1 to 20 m/s$"):
        client(store).flight(**{**SINGLE, "asc": 0})
    with pytest.raises(InvalidRequestError, match=r"^model must be a whole number from 0 to 2$"):
        client(store).flight(**{**SINGLE, "model": 3})


def test_a_flight_past_the_forecast_is_refused(store: Path) -> None:
    with pytest.raises(OutsideForecastError, match="must lie within the forecast"):
        client(store).ensemble(**{**ENSEMBLE, "timestamp": CYCLE.time + 95.5 * HOUR})


def test_a_bad_member_is_left_out_and_too_many_are_an_error(store: Path) -> None:
    files = [store / CYCLE.member_file(number) for number in range(3)]
    files[1].write_bytes(b"not a wind file")
    result = client(store).ensemble(**ENSEMBLE)
    assert (result["failed_models"], result["paths"][1]) == ([1], None)
    files[2].write_bytes(b"not a wind file")
    with pytest.raises(UnavailableError, match=r"^2 of 3 members of cycle 2026010100 cannot be used: "):
        client(store).ensemble(**ENSEMBLE)


def test_a_folder_without_a_whole_cycle_is_refused(store: Path) -> None:
    with pytest.raises(StoreError, match="has 3 of 4 members"):
        client(store, 4)
    (store / WHICH).unlink()
    with pytest.raises(StoreError, match="has no cycle yet"):
        Client(store, 3, store.parent / "other")


def test_a_bucket_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="only folders are read without a server"):
        Client("s3://bucket", data=tmp_path)


def test_two_clients_of_different_stores_do_not_disturb_each_other(store: Path, tmp_path: Path) -> None:
    other = publish_cycle(tmp_path, CYCLE, (STILL,) * 3)
    first, second = client(store), Client(other, 3, store.parent / "data")
    assert first.flight(**SINGLE)["phases"][-1][-1][1] > SINGLE["lon"]
    assert second.flight(**SINGLE)["phases"][-1][-1][1] == SINGLE["lon"]
