"""Routes about places and areas: towns, zones, and the share of landings in an area that was drawn."""

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from habsim.inside import LARGEST
from tests.service import ENSEMBLE, application, error, get
from tests.stores import publish_cycle

MEMBERS = 3
FLIGHTS = 4  # of a member
Ring = list[list[float]]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    """A server over winds of 0, 10 and -10 m/s eastward."""
    store = publish_cycle(tmp_path_factory.mktemp("store"), winds=[(0.0, 0.0), (10.0, 0.0), (-10.0, 0.0)])
    return application(store, tmp_path_factory.mktemp("data"), MEMBERS).test_client()


@pytest.fixture(scope="module")
def identity(client: FlaskClient) -> str:
    """An ensemble whose members land at 20, 20.6 and 19.4 degrees east, 10 degrees north."""
    return str(get(client, "/sim/spaceshot", ENSEMBLE)["request_id"])


def box(west: float, east: float, south: float = 9.0, north: float = 11.0) -> Ring:
    return [[west, south], [east, south], [east, north], [west, north], [west, south]]


def polygon(*rings: Ring) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": list(rings)}


def ask(client: FlaskClient, identity: str, geometry: Any) -> Any:
    response = client.post("/sim/inside", json={"request_id": identity, "geometry": geometry})
    assert response.status_code == 200, response.text
    return response.get_json()


def refusal(client: FlaskClient, body: Any, status: int = 400) -> str:
    response = client.post("/sim/inside", data=body if isinstance(body, bytes) else json.dumps(body))
    assert response.status_code == status, response.text
    assert response.mimetype == "application/json"
    return str(response.get_json()["error"])


ALL = MEMBERS * FLIGHTS
ONE = {"share": 0.3333, "landings": FLIGHTS, "of": ALL, "members": 1, "members_of": MEMBERS}
TWO = {"share": 0.6667, "landings": 2 * FLIGHTS, "of": ALL, "members": 2, "members_of": MEMBERS}
WHOLE = {"share": 1.0, "landings": ALL, "of": ALL, "members": MEMBERS, "members_of": MEMBERS}
NONE = {"share": 0.0, "landings": 0, "of": ALL, "members": 0, "members_of": MEMBERS}


@pytest.mark.parametrize(
    ("geometry", "expected"),
    [
        (polygon(box(19.9, 20.1)), ONE),
        (polygon(box(19.9, 21.0)), TWO),
        (polygon(box(30.0, 31.0)), NONE),
        (polygon(box(19.0, 21.0), box(19.9, 20.1)), TWO),  # a hole
        ({"type": "MultiPolygon", "coordinates": [[box(19.0, 19.9)], [box(20.1, 21.0)]]}, TWO),
        ({"type": "Feature", "properties": {}, "geometry": polygon(box(19.9, 20.1))}, ONE),
        (
            {
                "type": "FeatureCollection",
                "features": [
                    {"type": "Feature", "properties": {}, "geometry": polygon(box(19.0, 19.9))},
                    {"type": "Feature", "properties": {}, "geometry": polygon(box(19.5, 20.1))},
                ],
            },
            TWO,
        ),
        (polygon(box(379.9, 380.1)), ONE),  # drawn once round the globe eastward
        (polygon(box(-340.1, -339.9)), ONE),
        (polygon([[18.7, 9.0], [20.7, 11.0], [20.7, 9.0], [18.7, 11.0], [18.7, 9.0]]), WHOLE),  # a bow tie
    ],
)
def test_landings_in_an_area_are_counted(
    client: FlaskClient, identity: str, geometry: Any, expected: dict[str, Any]
) -> None:
    assert ask(client, identity, geometry) == expected


def test_an_area_across_the_date_line_is_one(client: FlaskClient) -> None:
    east = get(client, "/sim/spaceshot", ENSEMBLE, lon=180.0)["request_id"]
    assert ask(client, east, polygon(box(179.0, 181.0)))["share"] == 1.0
    assert ask(client, east, polygon(box(-181.0, -179.9))) == TWO


@pytest.mark.parametrize(
    "geometry",
    [
        None,
        1,
        [],
        {},
        {"type": "Polygon"},
        {"type": "Polygon", "coordinates": None},
        {"type": "Polygon", "coordinates": []},
        {"type": "Polygon", "coordinates": [[[0, 0], [1, 1]]]},
        {"type": "Polygon", "coordinates": [[["a", 0], [1, 1], [2, 0], [0, 0]]]},
        {"type": "Polygon", "coordinates": [[[0, 91], [1, 1], [2, 0], [0, 91]]]},
        {"type": "Polygon", "coordinates": [[[541, 0], [1, 1], [2, 0], [541, 0]]]},
        {"type": "Point", "coordinates": [0, 0]},
        {"type": "Feature"},
        {"type": "FeatureCollection", "features": []},
        {"type": "FeatureCollection", "features": [None]},
    ],
)
def test_what_is_no_area_is_refused_with_a_sentence(
    client: FlaskClient, identity: str, geometry: Any
) -> None:
    assert refusal(client, {"request_id": identity, "geometry": geometry}).startswith("geometry")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", b'{"request_id": NaN}'])
def test_what_is_no_json_object_is_refused(client: FlaskClient, body: bytes) -> None:
    assert refusal(client, body).startswith("the request must be")


def test_an_area_must_be_given(client: FlaskClient, identity: str) -> None:
    assert refusal(client, {"request_id": identity}).startswith("geometry is missing")


@pytest.mark.parametrize("identity", [None, "", "../../etc", "0123456789AB", 12, "0" * 13])
def test_an_identity_must_be_one(client: FlaskClient, identity: Any) -> None:
    assert refusal(client, {"request_id": identity, "geometry": polygon(box(0, 1))}).startswith("request_id")


def test_an_unknown_ensemble_is_not_found(client: FlaskClient) -> None:
    sentence = refusal(client, {"request_id": "0" * 12, "geometry": polygon(box(0, 1))}, 404)
    assert "ask for the ensemble again" in sentence


def test_too_many_vertices_and_too_many_bytes_are_refused(client: FlaskClient, identity: str) -> None:
    middle: Ring = [[1, 1]]
    ring: Ring = [[0, 0], *middle * 10_000, [0, 0]]
    body = {"request_id": identity, "geometry": polygon(ring)}
    assert "10000 vertices" in refusal(client, body)
    assert str(LARGEST) in refusal(client, b" " * (LARGEST + 1), 413)


def test_towns_are_found_by_name(client: FlaskClient) -> None:
    places = get(client, "/sim/places", {"q": "san jose, ca"})["places"]
    assert places[0].keys() == {"name", "admin", "country", "lat", "lon", "population"}
    assert (places[0]["name"], places[0]["admin"]) == ("San Jose", "CA")
    assert get(client, "/sim/places", {"q": "no town is called so"}) == {"places": []}


@pytest.mark.parametrize("asked", ["", "x" * 61])
def test_a_towns_name_has_a_length(client: FlaskClient, asked: str) -> None:
    assert error(client, "/sim/places", {"q": asked}, 400) == "q must be a text of 1 to 60 characters"


@pytest.mark.parametrize(
    ("lat", "lon", "zone"),
    [(37.36, -121.88, "America/Los_Angeles"), (0.0, -150.0, "Etc/GMT+10"), (47.4, 8.5, "Europe/Zurich")],
)
def test_a_place_has_a_time_zone(client: FlaskClient, lat: float, lon: float, zone: str) -> None:
    assert get(client, "/sim/zone", {"lat": lat, "lon": lon}) == {"zone": zone}


@pytest.mark.parametrize("lat", [-90.0, -45.0, 0.0, 45.0, 90.0])
def test_every_place_has_one(client: FlaskClient, lat: float) -> None:
    for lon in range(-180, 181, 20):
        assert "/" in get(client, "/sim/zone", {"lat": lat, "lon": lon})["zone"]
