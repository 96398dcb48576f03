"""Flights, places and files over HTTP, in winds whose answers have a closed form."""

import csv
import io
import json
import math
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient

from tests.service import FLIGHT, SINGLE, application, error, get
from tests.standard import layer_at, standard_heights
from tests.stores import (
    CYCLE,
    ELEVATION,
    HOUR,
    LEVELS_HPA,
    PLATEAU,
    PLATEAU_LAT,
    PLATEAU_LON,
    SPAN,
    STILL,
    eastward_degrees,
    publish_cycle,
)

EAST, SOUTH = 1, 2  # members; member 0 is still air
WINDS = (STILL, (10.0, 0.0), (0.0, -5.0))
UP, DOWN = FLIGHT["equil"] / FLIGHT["asc"], FLIGHT["equil"] / FLIGHT["desc"]  # s
END = CYCLE.time + SPAN
DEMANDED = 9e-6  # degrees, 1 m: the goal for landings

FILES = {
    "csv": "text/csv",
    "kml": "application/vnd.google-earth.kml+xml",
    "geojson": "application/geo+json",
}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    store = publish_cycle(tmp_path_factory.mktemp("store"), winds=WINDS)
    return application(store, tmp_path_factory.mktemp("data")).test_client()


def test_a_balloon_in_still_air_lands_where_it_was_launched(client: FlaskClient) -> None:
    ascent, coast, descent = get(client, "/sim/singlezpb", SINGLE)
    launched = FLIGHT["timestamp"]
    assert ascent[0] == [10.0, 20.0, 0.0, launched]
    assert ascent[-1] == [10.0, 20.0, 15_000.0, launched + UP]
    assert coast == []
    assert descent[-1] == [10.0, 20.0, 0.0, launched + UP + DOWN]


@pytest.mark.parametrize("coeff", [0.5, 1.0, 1.5])
def test_a_uniform_wind_carries_a_balloon_along_the_equator_as_far_as_the_integral_says(
    client: FlaskClient, coeff: float
) -> None:
    flight = get(client, "/sim/singlezpb", SINGLE, model=EAST, lat=0, lon=0, coeff=coeff)
    exact = coeff * eastward_degrees(10.0, 0.0, 15_000.0, 5.0, 4.0)
    assert flight[2][-1][:2] == pytest.approx([0.0, exact], abs=DEMANDED)


def test_phases_share_their_joining_points(client: FlaskClient) -> None:
    ascent, coast, descent = get(client, "/sim/singlezpb", SINGLE, model=EAST, eqtime=2)
    assert ascent[-1] == coast[0]
    assert coast[-1] == descent[0]
    assert coast[-1][3] - coast[0][3] == 2 * HOUR


@pytest.mark.parametrize(
    ("changes", "lengths"),
    [
        ({}, (True, False, True)),
        ({"eqtime": 1}, (True, True, True)),
        ({"alt": 15_000}, (False, False, True)),
        ({"alt": 15_000, "eqtime": 1}, (False, True, True)),
    ],
)
def test_a_phase_of_no_duration_is_empty(
    client: FlaskClient, changes: dict[str, Any], lengths: tuple[bool, ...]
) -> None:
    flight = get(client, "/sim/singlezpb", SINGLE, **changes)
    assert tuple(len(phase) > 0 for phase in flight) == lengths


def test_a_flight_that_goes_nowhere_is_one_point(client: FlaskClient) -> None:
    flight = get(client, "/sim/singlezpb", SINGLE, equil=0)
    assert flight == [[], [], [[10.0, 20.0, 0.0, FLIGHT["timestamp"]]]]


def test_points_are_at_most_a_minute_apart_on_a_short_flight(client: FlaskClient) -> None:
    for phase in get(client, "/sim/singlezpb", SINGLE, model=EAST, eqtime=2):
        assert np.diff([point[3] for point in phase]).max() <= 60.01  # times are given to 0.01 s


def test_a_parachute_falls_faster_in_thinner_air(client: FlaskClient) -> None:
    descent = get(client, "/sim/singlezpb", SINGLE, descent_model="drag")[2]
    z = np.linspace(0.0, 15_000.0, 15_001)
    heights = 6_356_766.0 * z / (6_356_766.0 + z)
    density = np.array([layer_at(height).density_at(height) for height in heights])
    exact = np.trapezoid(
        np.sqrt(density / 1.225) / FLIGHT["desc"], z
    )  # dt = dz / (desc sqrt(1.225 / density))
    assert descent[-1][3] - descent[0][3] == pytest.approx(exact, abs=0.1)  # s, the goal for landing times


def test_longitude_180_comes_out_as_minus_180(client: FlaskClient) -> None:
    flight = get(client, "/sim/singlezpb", SINGLE, lon=180)
    assert {point[1] for phase in flight for point in phase} == {-180.0}


def test_a_flight_across_the_date_line_goes_on_in_negative_longitudes(client: FlaskClient) -> None:
    flight = get(client, "/sim/singlezpb", SINGLE, model=EAST, lat=0, lon=179.9)
    exact = 179.9 - 360.0 + eastward_degrees(10.0, 0.0, 15_000.0, 5.0, 4.0)
    assert flight[2][-1][1] == pytest.approx(exact, abs=DEMANDED)


@pytest.mark.parametrize("alt", [0, 999.9])
def test_a_launch_below_the_ground_is_raised_to_it(client: FlaskClient, alt: float) -> None:
    flight = get(client, "/sim/singlezpb", SINGLE, lat=PLATEAU_LAT, lon=PLATEAU_LON, alt=alt)
    assert flight[0][0][2] == PLATEAU
    assert flight[2][-1][2] == PLATEAU
    assert flight[0][-1][3] - flight[0][0][3] == pytest.approx((15_000.0 - PLATEAU) / 5.0, abs=0.01)


@pytest.mark.parametrize("route", ["/sim/singlezpb", "/sim/spaceshot"])
def test_a_burst_under_the_ground_is_refused_with_the_ground_s_height(
    client: FlaskClient, route: str
) -> None:
    place = {"lat": PLATEAU_LAT, "lon": PLATEAU_LON, "alt": 0}
    sentence = error(client, route, SINGLE, 400, **place, equil=PLATEAU - 0.1)
    assert "equil" in sentence
    assert "1000" in sentence
    assert client.get(route, query_string={**SINGLE, **place, "equil": PLATEAU}).status_code == 200


def test_a_burst_below_the_launch_is_refused(client: FlaskClient) -> None:
    sentence = error(client, "/sim/singlezpb", SINGLE, 400, alt=100, equil=99)
    assert re.search(r"equil .*alt \(100 m\).*50000", sentence)


def test_a_flight_may_take_the_whole_forecast(client: FlaskClient) -> None:
    get(client, "/sim/singlezpb", SINGLE, timestamp=CYCLE.time)
    flight = get(client, "/sim/singlezpb", SINGLE, timestamp=END - UP - DOWN)
    assert flight[2][-1][3] == END


@pytest.mark.parametrize("timestamp", [CYCLE.time - 1, END - UP - DOWN + 1, END + 1, 0, 1e11])
@pytest.mark.parametrize("route", ["/sim/singlezpb", "/sim/spaceshot"])
def test_a_flight_outside_the_forecast_is_told_its_span(
    client: FlaskClient, route: str, timestamp: float
) -> None:
    sentence = error(client, route, SINGLE, 400, timestamp=timestamp)
    assert "timestamp" in sentence
    assert f"{CYCLE.time:.0f} to {END:.0f}" in sentence
    assert "2026-01-01T00:00Z to 2026-01-05T00:00Z" in sentence


def test_every_flight_of_an_ensemble_must_lie_in_the_forecast(client: FlaskClient) -> None:
    # The nominal flight ends on the last slice; one with a lower rate of 20 outlasts it.
    assert "timestamp" in error(client, "/sim/spaceshot", FLIGHT, 400, timestamp=END - UP - DOWN)


def test_a_member_is_one_of_those_configured(client: FlaskClient) -> None:
    get(client, "/sim/singlezpb", SINGLE, model=2)
    assert error(client, "/sim/singlezpb", SINGLE, 400, model=3) == "model must be a whole number from 0 to 2"


def test_unknown_parameters_are_ignored(client: FlaskClient) -> None:
    plain = get(client, "/sim/singlezpb", SINGLE)
    assert get(client, "/sim/singlezpb", SINGLE, color="", drag="nan", utm_source="x" * 1000) == plain


@pytest.mark.parametrize(
    ("lat", "lon", "height"),
    [(PLATEAU_LAT, PLATEAU_LON, PLATEAU), (0, 0, 0.0), (90, 180, 0.0), (-90, -180, 0.0)],
)
def test_the_ground_s_height_is_that_of_the_elevation_file(
    client: FlaskClient, lat: float, lon: float, height: float
) -> None:
    assert get(client, "/sim/elev", {"lat": lat, "lon": lon}) == {"elevation": height}


def test_the_ground_between_two_cells_is_between_theirs(client: FlaskClient) -> None:
    # Halfway from the last cell of the plateau, centred at 95 E, to the first of the sea, at 105 E.
    assert get(client, "/sim/elev", {"lat": 50, "lon": 100}) == {"elevation": PLATEAU / 2}


def test_which_says_the_cycle_its_span_and_where_the_data_come_from(client: FlaskClient) -> None:
    answer = get(client, "/sim/which")
    assert answer.pop("age_s") > 0
    assert answer == {
        "gefs": "2026010100",
        "start": CYCLE.time,
        "end": END,
        "stale": True,
        "demo": False,
        "source": "a uniform wind, for tests",
        # 36 cells of 10 degrees round a globe of 6 371 009 m
        "elevation": {
            "source": "worldelev.npy, 18 x 36 cells",
            "resolution_m": round(math.radians(10.0) * 6_371_009.0, 1),
        },
    }


def test_models_are_the_members_of_the_cycle(client: FlaskClient) -> None:
    assert get(client, "/sim/models") == {"models": [0, 1, 2]}


def exported(client: FlaskClient, extension: str, **changes: Any) -> str:
    """Return the file of a flight, its name and type checked."""
    response = client.get("/sim/singlezpb", query_string={**SINGLE, "format": extension, **changes})
    assert response.status_code == 200
    assert response.mimetype == FILES[extension]
    name = f"HABSIM_flight_20260101T0600Z_10.0000_20.0000_gefs2026010100.{extension}"
    assert response.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    return response.text


def test_a_flight_as_csv_has_its_points(client: FlaskClient) -> None:
    rows = list(csv.DictReader(io.StringIO(exported(client, "csv", model=EAST))))
    ascent, _, descent = get(client, "/sim/singlezpb", SINGLE, model=EAST)
    points = ascent + descent[1:]
    columns = ("latitude", "longitude", "altitude_m", "unix_time")
    assert [[float(row[column]) for column in columns] for row in rows] == points


def test_a_flight_as_kml_has_its_landing(client: FlaskClient) -> None:
    root = ElementTree.fromstring(exported(client, "kml", model=EAST))
    assert root.tag == "{http://www.opengis.net/kml/2.2}kml"
    lat, lon = get(client, "/sim/singlezpb", SINGLE, model=EAST)[2][-1][:2]
    texts = [element.text or "" for element in root.iter("{http://www.opengis.net/kml/2.2}coordinates")]
    places = [tuple(map(float, place.split(",")[:2])) for text in texts for place in text.split()]
    assert (lon, lat) in places


def test_a_flight_as_geojson_has_its_landing(client: FlaskClient) -> None:
    document = json.loads(exported(client, "geojson", model=EAST))
    assert document["type"] == "FeatureCollection"
    lat, lon = get(client, "/sim/singlezpb", SINGLE, model=EAST)[2][-1][:2]
    points = [feature["geometry"] for feature in document["features"]]
    places = [point["coordinates"][:2] for point in points if point["type"] == "Point"]
    assert [lon, lat] in places


def test_the_page_of_the_documentation_asks_nobody_else(client: FlaskClient) -> None:
    page = client.get("/docs", buffered=True).text
    links = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert len(links) > 3
    for link in links:
        assert link.startswith(("/", "data:")), link
        if link.startswith("/"):
            assert client.get(link, buffered=True).status_code in (200, 302), link
    assert '"/openapi.json"' in client.get("/docs.js", buffered=True).text


def test_a_vendored_file_may_be_kept_for_ever(client: FlaskClient) -> None:
    response = client.get("/vendor/swagger-ui-dist-5.35.0/swagger-ui.css", buffered=True)
    assert "immutable" in response.headers["Cache-Control"]


def test_health_is_answered_without_a_store_and_touches_nothing(tmp_path: Path) -> None:
    client = application(tmp_path / "nowhere", tmp_path / "data").test_client()
    assert get(client, "/health") == {"status": "ok"}
    assert list(tmp_path.iterdir()) == []


# HTTP


@pytest.mark.parametrize(
    "path", ["/nothing", "/sim/nothing", "/vendor/nothing.js", "/vendor/../app.py", "/<b>"]
)
def test_an_unknown_address_is_an_error_in_json(client: FlaskClient, path: str) -> None:
    assert path[:80] in error(client, path, {}, 404)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE", "BREW"])
@pytest.mark.parametrize("path", ["/sim/singlezpb", "/health"])
def test_a_wrong_method_is_an_error_in_json_with_the_right_ones(
    client: FlaskClient, path: str, method: str
) -> None:
    response = client.open(path, method=method)
    assert response.status_code == 405
    assert list(response.get_json()) == ["error"]
    assert {"GET", "HEAD", "OPTIONS"} == {word.strip() for word in response.headers["Allow"].split(",")}


@pytest.mark.parametrize(
    "path", ["/health", "/sim/models", "/sim/elev?lat=1&lon=2", "/sim/elev?lat=91&lon=2", "/x"]
)
def test_a_head_is_a_get_without_its_body(client: FlaskClient, path: str) -> None:
    head, got = client.head(path), client.get(path)
    assert (head.status_code, head.data) == (got.status_code, b"")
    assert head.mimetype == got.mimetype == "application/json"
    assert head.content_length == len(got.data)


def test_options_are_answered_with_the_methods_and_nothing_else(client: FlaskClient) -> None:
    response = client.options("/sim/elev")
    assert (response.status_code, response.data) == (200, b"")
    assert {"GET", "HEAD", "OPTIONS"} == {word.strip() for word in response.headers["Allow"].split(",")}


STRANGER = {"Origin": "https://tracker.example"}


@pytest.mark.parametrize("path", ["/sim/models", "/sim/elev?lat=91&lon=2", "/sim/nothing"])
def test_scripts_of_other_sites_may_read_answers_and_errors(client: FlaskClient, path: str) -> None:
    allowed = client.get(path, headers=STRANGER).headers["Access-Control-Allow-Origin"]
    assert allowed in ("*", STRANGER["Origin"])


def test_leave_to_ask_holds_for_an_hour(client: FlaskClient) -> None:
    asked = {**STRANGER, "Access-Control-Request-Method": "GET"}
    response = client.options("/sim/spaceshot", headers=asked)
    assert response.headers["Access-Control-Max-Age"] == "3600"
    assert "GET" in response.headers["Access-Control-Allow-Methods"]


def test_only_the_sites_that_are_named_may_read_where_some_are(tmp_path: Path) -> None:
    store = publish_cycle(tmp_path / "store")
    client = application(store, tmp_path / "data", cors_origins=("https://map.example",)).test_client()
    assert "Access-Control-Allow-Origin" not in client.get("/sim/models", headers=STRANGER).headers
    response = client.get("/sim/models", headers={"Origin": "https://map.example"})
    assert response.headers["Access-Control-Allow-Origin"] == "https://map.example"


@pytest.mark.parametrize("production", [True, False])
@pytest.mark.parametrize(("query", "status"), [("lat=x&lon=1", 400), ("lat=1&lon=1", 503)])
def test_details_of_an_error_are_for_developers(
    tmp_path: Path, production: bool, query: str, status: int
) -> None:
    store = publish_cycle(tmp_path / "store")
    (store / ELEVATION).unlink()
    client = application(store, tmp_path / "data", production=production).test_client()
    response = client.get(f"/sim/elev?{query}")
    assert response.status_code == status
    assert set(response.get_json()) == ({"error"} if production else {"error", "details"})


@pytest.mark.parametrize("production", [True, False])
def test_a_bug_is_an_error_in_json_that_tells_its_cause_to_developers_only(
    tmp_path: Path, production: bool
) -> None:
    app = application(publish_cycle(tmp_path / "store"), tmp_path / "data", production=production)
    nothing: dict[str, str] = {}
    app.add_url_rule("/broken", view_func=lambda: nothing["the secret"])
    response = app.test_client().get("/broken")
    assert response.status_code == 500
    assert "made a mistake" in response.get_json()["error"]
    assert ("the secret" in response.text) is not production


def test_ready_names_the_cycle(client: FlaskClient) -> None:
    answer = get(client, "/ready")
    assert answer["gefs"] == str(CYCLE)


def test_the_column_of_winds_over_a_place_has_every_level_from_the_ground_up(client: FlaskClient) -> None:
    query = {"timestamp": CYCLE.time, "lat": 10, "lon": 20, "model": SOUTH}
    levels = get(client, "/sim/winds", query)["levels"]
    assert [level[1:] for level in levels] == [[0.0, -5.0]] * LEVELS_HPA.size
    # Geopotential heights of the standard atmosphere, as geometric altitudes.
    heights = np.sort(standard_heights(LEVELS_HPA))
    altitudes = 6_356_766.0 * heights / (6_356_766.0 - heights)
    assert [level[0] for level in levels] == pytest.approx(altitudes, abs=0.06)  # given to 0.1 m
