"""Ensembles over HTTP: what the answer holds, what its name means, and what happens when members fail."""

import io
import os
import re
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from PIL import Image

from habsim.earth import way
from tests.service import ENSEMBLE, FLIGHT, SINGLE, application, error, get
from tests.stores import (
    CYCLE,
    PLATEAU_LAT,
    PLATEAU_LON,
    STILL,
    Wind,
    eastward_degrees,
    publish_cycle,
    publish_member,
    replace,
)

WINDS: tuple[Wind, ...] = (STILL, (10.0, 0.0), (0.0, -5.0), (-20.0, 0.0))
DEMANDED = 9e-6  # degrees, 1 m: the goal for landings
JITTER = 0.001  # degrees, by which launches vary


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    store = publish_cycle(tmp_path_factory.mktemp("store"), winds=WINDS)
    return application(store, tmp_path_factory.mktemp("data"), len(WINDS)).test_client()


def served(folder: Path, winds: Sequence[Wind]) -> FlaskClient:
    """Return a client of a server of a cycle of `winds` in `folder`/store, which has accepted it."""
    publish_cycle(folder / "store", winds=winds)
    client = application(folder / "store", folder / "data", len(winds)).test_client()
    get(client, "/sim/models")
    return client


def labels(answer: Any) -> list[str]:
    return [landing[2] for landing in answer["heatmap_data"]]


def joined(phases: list[list[Any]]) -> tuple[list[Any], list[int]]:
    """Return the phases of a flight as one path, and the indices where coast and descent start."""
    ascent, coast, descent = phases
    path = [*ascent]
    coast_start = max(len(path) - 1, 0)
    path += coast[1:] if path else coast
    descent_start = max(len(path) - 1, 0)
    path += descent[1:] if path else descent
    return path, [coast_start, descent_start]


def test_the_answer_has_everything_that_is_promised(client: FlaskClient) -> None:
    answer = get(client, "/sim/spaceshot", ENSEMBLE)
    assert re.fullmatch("[0-9a-f]{12}", answer["request_id"])
    assert len(answer["paths"]) == len(answer["phases"]) == len(WINDS)
    assert (answer["gefs"], answer["demo"], answer["partial"]) == (str(CYCLE), False, False)
    assert answer["failed_models"] == []
    assert set(answer) == {
        "paths", "phases", "heatmap_data", "request_id", "gefs", "demo", "failed_models", "partial",
        "landing", "landings",
    }  # fmt: skip
    landing = answer["landing"]
    assert set(landing) == {
        "mean", "likely", "spread_m", "time", "areas", "density", "water", "elevation_m", "from_launch",
    }  # fmt: skip
    assert set(landing["mean"]) == set(landing["likely"]) == {"lat", "lon"}
    assert set(landing["time"]) == {"mean", "sd"}
    assert [area["level"] for area in landing["areas"]] == [0.5, 0.9]
    for area in landing["areas"]:
        assert set(area) == {"level", "share", "area_km2", "geometry"}
        assert 0 < area["share"] <= 1
        assert area["geometry"]["type"] == "MultiPolygon"


def test_every_landing_has_its_altitude_and_time(client: FlaskClient) -> None:
    answer = get(client, "/sim/spaceshot", ENSEMBLE, num_perturbations=2)
    assert len(answer["landings"]) == len(answer["heatmap_data"])
    for path, place, end in zip(answer["paths"], answer["heatmap_data"], answer["landings"], strict=False):
        assert path[-1] == [*place[:2], *end]  # the nominal flights come first


def test_where_the_likely_landing_lies_is_told(client: FlaskClient) -> None:
    answer = get(client, "/sim/spaceshot", ENSEMBLE)
    likely = answer["landing"]["likely"]
    distance, bearing = way((ENSEMBLE["lat"], ENSEMBLE["lon"]), (likely["lat"], likely["lon"]))
    told = answer["landing"]["from_launch"]
    assert told["distance_m"] == pytest.approx(distance, abs=1.0)
    assert told["bearing_deg"] == pytest.approx(bearing, abs=0.1)
    assert answer["landing"]["elevation_m"] == get(client, "/sim/elev", likely)["elevation"]


@pytest.mark.parametrize(("place", "share"), [({"lat": 0.0, "lon": -150.0}, 1.0), ({}, 0.0)])
def test_landings_in_water_are_counted(client: FlaskClient, place: dict[str, float], share: float) -> None:
    """In the Pacific all of them, at 10 N 20 E, in Chad, none."""
    water = get(client, "/sim/spaceshot", ENSEMBLE, **place)["landing"]["water"]
    members = len(WINDS)
    wet = members if share else 0
    assert water == {"share": share, "members": wet, "of": members, "covers": "sea and large lakes"}


def test_landings_are_named_by_member_nominal_flights_first(client: FlaskClient) -> None:
    answer = get(client, "/sim/spaceshot", ENSEMBLE, num_perturbations=2)
    nominal = [f"model_{member}" for member in range(4)]
    varied = [f"mc_{member}_{number}" for member in range(4) for number in range(2)]
    assert labels(answer) == nominal + varied


@pytest.mark.parametrize("changes", [{}, {"eqtime": 1}, {"alt": 15_000}, {"alt": 15_000, "eqtime": 1}])
def test_a_path_is_the_same_flight_as_a_single_one_its_phases_joined(
    client: FlaskClient, changes: dict[str, Any]
) -> None:
    answer = get(client, "/sim/spaceshot", ENSEMBLE, **changes)
    for member, path in enumerate(answer["paths"]):
        single = joined(get(client, "/sim/singlezpb", SINGLE, model=member, **changes))
        assert (path, answer["phases"][member]) == single
        assert answer["heatmap_data"][member][:2] == path[-1][:2]


def test_each_member_lands_where_its_own_wind_carries_it(client: FlaskClient) -> None:
    answer = get(client, "/sim/spaceshot", ENSEMBLE, lat=0, lon=0)
    for member in (0, 1, 3):
        exact = eastward_degrees(WINDS[member][0], 0.0, 15_000.0, 5.0, 4.0)
        assert answer["heatmap_data"][member][:2] == pytest.approx([0.0, exact], abs=DEMANDED)


def test_launches_vary_by_a_thousandth_of_a_degree_about_the_nominal_one(client: FlaskClient) -> None:
    answer = get(client, "/sim/spaceshot", ENSEMBLE, num_perturbations=100)
    label = re.compile("mc_0_")  # in still air a flight lands where it was launched
    places = np.array([place for *place, name in answer["heatmap_data"] if label.match(name)])
    offset = places - [FLIGHT["lat"], FLIGHT["lon"]]
    assert np.abs(offset).max() <= JITTER
    # Uniform in +-a has a standard deviation of a / sqrt(3); that of its estimate from 100 is 4.5 % of it.
    assert offset.std(0) == pytest.approx(JITTER / np.sqrt(3), rel=0.2)
    # Five standard deviations of the mean of 100.
    assert np.abs(offset.mean(0)).max() < 5 * JITTER / np.sqrt(300)


def test_fewer_variations_are_the_first_of_more(client: FlaskClient) -> None:
    few, many = (
        {
            name: place
            for *place, name in get(client, "/sim/spaceshot", ENSEMBLE, num_perturbations=count)[
                "heatmap_data"
            ]
        }
        for count in (3, 20)
    )
    assert len(few) == 4 * 4
    assert few.items() <= {name: place for name, place in many.items() if name in few}.items()


def test_twenty_variations_are_flown_unless_another_number_is_asked_for(client: FlaskClient) -> None:
    assert len(get(client, "/sim/spaceshot", FLIGHT)["heatmap_data"]) == 4 * 21


def test_a_dragged_launch_meets_the_same_variations(client: FlaskClient) -> None:
    here, there = (get(client, "/sim/spaceshot", ENSEMBLE, lat=lat)["heatmap_data"] for lat in (10, 11))
    for before, after in zip(here, there, strict=True):
        if before[2].startswith("mc_0_"):
            assert after[:2] == pytest.approx([before[0] + 1, before[1]], abs=2e-6)  # two roundings of 1e-6


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"lon": 180}, {"lon": -180}),
        ({"lat": "24"}, {"lat": "24.0"}),
        ({"alt": "24"}, {"alt": "2.4e1"}),
        ({"lat": "0"}, {"lat": "-0.0"}),
        ({"eqtime": "0"}, {"eqtime": "-0"}),
        ({}, {"coeff": 1}),
        ({}, {"descent_model": "constant"}),
        ({}, {"format": "json", "color": "red"}),
        ({"num_perturbations": 20}, {"num_perturbations": "020"}),
        (
            {"lat": PLATEAU_LAT, "lon": PLATEAU_LON, "alt": 0},
            {"lat": PLATEAU_LAT, "lon": PLATEAU_LON, "alt": 1000},
        ),
    ],
)
def test_the_same_question_has_the_same_name(
    client: FlaskClient, one: dict[str, Any], other: dict[str, Any]
) -> None:
    first, second = (get(client, "/sim/spaceshot", ENSEMBLE, **changes) for changes in (one, other))
    assert first == second


def test_different_questions_have_different_names(client: FlaskClient) -> None:
    questions: list[dict[str, Any]] = [
        {},
        {"timestamp": FLIGHT["timestamp"] + 1},
        {"lat": 10.000001},
        {"lon": 20.000001},
        {"alt": 0.1},
        {"equil": 15_000.1},
        {"eqtime": 0.001},
        {"asc": 5.01},
        {"desc": 4.01},
        {"coeff": 1.001},
        {"descent_model": "drag"},
        {"num_perturbations": 4},
    ]
    names = [get(client, "/sim/spaceshot", ENSEMBLE, **question)["request_id"] for question in questions]
    assert len(set(names)) == len(questions)


def test_another_server_over_the_same_store_gives_the_same_answer(tmp_path: Path) -> None:
    first, second = (
        application(publish_cycle(tmp_path / "store"), tmp_path / data).test_client()
        for data in ("one", "two")
    )
    query = {**ENSEMBLE, "num_perturbations": 5}
    # Publishing again has changed the time of the files, so both are asked after it.
    answers = [client.get("/sim/spaceshot", query_string=query).data for client in (first, second)]
    assert answers[0] == answers[1]


def test_a_replaced_member_makes_another_question(tmp_path: Path) -> None:
    client = served(tmp_path, [STILL] * 3)
    before = get(client, "/sim/spaceshot", ENSEMBLE)
    publish_member(tmp_path / "store", CYCLE, 1, (10.0, 0.0))
    after = get(client, "/sim/spaceshot", ENSEMBLE)
    assert after["request_id"] != before["request_id"]
    assert after["paths"][1][-1] != before["paths"][1][-1]
    assert after["paths"][::2] == before["paths"][::2]


def test_many_who_ask_at_once_get_the_same_answer(client: FlaskClient) -> None:
    def ask(_: int) -> bytes:
        other = client.application.test_client()
        return bytes(other.get("/sim/spaceshot", query_string={**ENSEMBLE, "lat": 33}).data)

    with ThreadPoolExecutor(8) as threads:
        answers = set(threads.map(ask, range(16)))
    assert len(answers) == 1
    assert b"heatmap_data" in answers.pop()


def test_a_result_is_given_again_for_an_hour(tmp_path: Path) -> None:
    client = served(tmp_path, [STILL] * 3)
    answer = get(client, "/sim/spaceshot", ENSEMBLE)
    name = {"request_id": answer["request_id"]}
    assert get(client, "/sim/result", name) == answer
    for kept in (tmp_path / "data" / "results").iterdir():
        hour_ago = time.time() - 3601
        os.utime(kept, (hour_ago, hour_ago))
    assert "ask for the ensemble again" in error(client, "/sim/result", name, 404)
    assert "ask for the ensemble again" in error(client, "/sim/density", name, 404)
    assert get(client, "/sim/spaceshot", ENSEMBLE) == answer
    assert get(client, "/sim/result", name) == answer


def test_an_expired_answer_is_computed_again_for_who_does_not_wait(tmp_path: Path) -> None:
    client = served(tmp_path, [STILL] * 3)
    answer = get(client, "/sim/spaceshot", ENSEMBLE)
    for kept in (tmp_path / "data" / "results").iterdir():
        kept.unlink()
    response = client.get("/sim/spaceshot", query_string={**ENSEMBLE, "wait": "false"})
    assert response.status_code == 202
    assert response.get_json()["request_id"] == answer["request_id"]
    deadline = time.monotonic() + 60.0
    while (response := client.get(f"/sim/result?request_id={answer['request_id']}")).status_code == 202:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert response.get_json() == answer


def test_a_result_that_never_was_is_not_found(client: FlaskClient) -> None:
    assert "ask for the ensemble again" in error(client, "/sim/result", {}, 404, request_id="0123456789ab")
    assert "ask for the ensemble again" in error(client, "/sim/density", {}, 404, request_id="0123456789ab")


def test_the_density_is_a_picture_under_the_link_that_the_answer_gives(client: FlaskClient) -> None:
    density = get(client, "/sim/spaceshot", ENSEMBLE)["landing"]["density"]
    response = client.get(density["image"])
    assert response.mimetype == "image/png"
    with Image.open(io.BytesIO(response.data)) as picture:
        picture.verify()
    assert density["bounds"]["south"] < density["bounds"]["north"]


def test_in_still_air_the_mean_landing_is_the_launch(tmp_path: Path) -> None:
    landing = get(served(tmp_path, [STILL] * 3), "/sim/spaceshot", FLIGHT)["landing"]
    # Of 63 landings within 0.001 degrees, 3 of them at the launch, the mean is a fraction of that away.
    assert [landing["mean"]["lat"], landing["mean"]["lon"]] == pytest.approx([10.0, 20.0], abs=JITTER / 2)
    assert landing["spread_m"] < 158  # m, the diagonal of 0.001 degrees


@pytest.mark.parametrize("lat", [90, -90])
@pytest.mark.parametrize("lon", [-180, 0, 180])
def test_an_ensemble_at_a_pole_is_as_good_as_any_other(client: FlaskClient, lat: int, lon: int) -> None:
    answer = get(client, "/sim/spaceshot", ENSEMBLE, lat=lat, lon=lon)
    # 10 m/s for 6750 s are 0.6 degrees.
    assert abs(answer["landing"]["mean"]["lat"]) > 89
    for place in answer["heatmap_data"]:
        assert abs(place[0]) > 88
        assert -180 <= place[1] < 180


@pytest.mark.parametrize(
    "changes",
    [
        {"alt": 0, "equil": 0},
        {"asc": 0.1, "desc": 0.1, "equil": 100},
        {"asc": 20, "desc": 20},
        {"alt": 49_999.9, "equil": 49_999.99},
        {"eqtime": 48},
        {"descent_model": "drag", "equil": 49_999},
    ],
)
def test_an_ensemble_at_the_limits_has_every_landing(client: FlaskClient, changes: dict[str, Any]) -> None:
    answer = get(client, "/sim/spaceshot", ENSEMBLE, **changes)
    assert len(answer["heatmap_data"]) == 4 * 4
    assert np.all(np.isfinite([place[:2] for place in answer["heatmap_data"]]))


@pytest.mark.parametrize("extension", ["csv", "kml", "geojson"])
def test_an_ensemble_comes_as_a_file_with_every_landing(client: FlaskClient, extension: str) -> None:
    response = client.get("/sim/spaceshot", query_string={**ENSEMBLE, "format": extension})
    name = f"HABSIM_ensemble_20260101T0600Z_10.0000_20.0000_gefs2026010100.{extension}"
    assert response.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    answer = get(client, "/sim/spaceshot", ENSEMBLE)
    text = response.text.replace(", ", ",")
    for lat, lon, label in answer["heatmap_data"]:
        written = {
            "csv": f"{lat:.6f},{lon:.6f},{label}",
            "kml": f"{lon:.6f},{lat:.6f}",
            "geojson": f"[{lon},{lat}]",
        }
        assert written[extension] in text


# Members that fail


def damage(folder: Path, member: int) -> None:
    """Cut a member's file in two: the directory at its end is gone."""
    path = folder / CYCLE.member_file(member)
    content = path.read_bytes()
    replace(path, content[: len(content) // 2])


def remove(folder: Path, member: int) -> None:
    (folder / CYCLE.member_file(member)).unlink()


def spoil(folder: Path, member: int) -> None:
    publish_member(folder, CYCLE, member, (float("nan"), 0.0))


def flood(folder: Path, member: int) -> None:
    publish_member(folder, CYCLE, member, (float("inf"), 0.0))


FAULTS = {"missing": remove, "damaged": damage, "not a number": spoil, "infinite": flood}


def test_a_single_flight_in_a_missing_member_is_not_found(tmp_path: Path) -> None:
    client = served(tmp_path, [STILL] * 3)
    remove(tmp_path / "store", 1)
    assert "member 1" in error(client, "/sim/singlezpb", SINGLE, 404, model=1)
    get(client, "/sim/singlezpb", SINGLE, model=2)
    assert get(client, "/sim/models") == {"models": [0, 2]}


@pytest.mark.parametrize("fault", ["damaged", "not a number", "infinite"])
def test_a_single_flight_in_an_unusable_member_names_the_file(tmp_path: Path, fault: str) -> None:
    client = served(tmp_path, [STILL] * 3)
    FAULTS[fault](tmp_path / "store", 1)
    assert CYCLE.member_file(1) in error(client, "/sim/singlezpb", SINGLE, 503, model=1)
    response = client.get("/sim/singlezpb", query_string={**SINGLE, "model": 1})
    assert response.headers["Retry-After"] == "5"


@pytest.mark.parametrize("fault", FAULTS)
def test_a_member_that_cannot_be_used_is_left_out_and_named(tmp_path: Path, fault: str) -> None:
    client = served(tmp_path, [STILL, (10.0, 0.0), STILL])
    whole = get(client, "/sim/spaceshot", ENSEMBLE)
    FAULTS[fault](tmp_path / "store", 1)
    answer = get(client, "/sim/spaceshot", ENSEMBLE)
    assert answer["failed_models"] == [1]
    assert answer["paths"][1] is None
    assert answer["phases"][1] is None
    assert answer["partial"] is False
    assert answer["request_id"] != whole["request_id"]
    rest = [place for place in whole["heatmap_data"] if not re.fullmatch("(model|mc)_1(_.*)?", place[2])]
    assert answer["heatmap_data"] == rest
    assert [answer["paths"][member] for member in (0, 2)] == [whole["paths"][member] for member in (0, 2)]


@pytest.mark.parametrize(("members", "failing"), [(4, 2), (5, 2), (8, 4), (11, 4), (21, 4)])
def test_fewer_than_five_may_fail_and_half_at_most(tmp_path: Path, members: int, failing: int) -> None:
    client = served(tmp_path, [STILL] * members)
    for member in range(failing):
        remove(tmp_path / "store", member)
    answer = get(client, "/sim/spaceshot", ENSEMBLE)
    assert answer["failed_models"] == list(range(failing))


@pytest.mark.parametrize(("members", "failing"), [(1, 1), (3, 2), (4, 3), (7, 4), (11, 5), (21, 5)])
@pytest.mark.parametrize("fault", FAULTS)
def test_more_failed_members_are_an_error_that_says_how_many(
    tmp_path: Path, fault: str, members: int, failing: int
) -> None:
    client = served(tmp_path, [STILL] * members)
    for member in range(members - failing, members):
        FAULTS[fault](tmp_path / "store", member)
    sentence = error(client, "/sim/spaceshot", ENSEMBLE, 503)
    assert f"{failing} of {members} members" in sentence
    first = members - failing
    assert (CYCLE.member_file(first) if fault != "missing" else f"member {first}") in sentence


def test_one_bad_place_in_a_member_s_winds_harms_only_flights_that_meet_it(tmp_path: Path) -> None:
    client = served(tmp_path, [STILL] * 3)
    spoil_north(tmp_path / "store", 1)
    assert get(client, "/sim/spaceshot", ENSEMBLE)["failed_models"] == []
    assert get(client, "/sim/spaceshot", ENSEMBLE, lat=80)["failed_models"] == [1]


def spoil_north(folder: Path, number: int) -> None:
    """Make the northernmost row of a member's winds, 45 degrees from the next, not a number."""
    path = folder / CYCLE.member_file(number)
    content = bytearray(path.read_bytes())
    with np.load(path) as archive:
        row = archive["data"][0].nbytes
    start = content.index(b"\x93NUMPY")
    start += 10 + int.from_bytes(content[start + 8 : start + 10], "little")  # NPY format 1.0
    content[start : start + row] = np.full(row // 2, np.nan, np.float16).tobytes()
    replace(path, bytes(content))
