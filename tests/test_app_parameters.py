"""Every parameter of the API at its edges, past them, and as what it must not be."""

import math
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient

from tests.service import ENSEMBLE, FLIGHT, SINGLE, application, get
from tests.stores import publish_cycle

LONG = 10_000  # characters


@dataclass(frozen=True)
class Number:
    """What a number may be; `required` has no default.  `above` is the least number that is too much."""

    low: float
    high: float
    above: float | None = None
    whole: bool = False
    required: bool = True
    default: float | None = None
    with_high: tuple[tuple[str, Any], ...] = ()  # parameters that must go with the upper edge

    @property
    def too_low(self) -> float:
        return self.low - 1 if self.whole else math.nextafter(self.low, -math.inf)

    @property
    def too_high(self) -> float:
        if self.above is not None:
            return self.above
        return self.high + 1 if self.whole else math.nextafter(self.high, math.inf)


PLACE = {"lat": Number(-90, 90), "lon": Number(-180, 180)}
LAST_BURST = math.nextafter(50_000, 0)
PLAN = {
    **PLACE,
    "alt": Number(0, LAST_BURST, above=math.nextafter(50_000, math.inf), with_high=(("equil", LAST_BURST),)),
    "equil": Number(0, LAST_BURST, above=50_000),
    "eqtime": Number(0, 48),
    "asc": Number(0.1, 20, with_high=(("equil", 1000),)),
    "desc": Number(0.1, 20),
    "coeff": Number(0.5, 1.5, required=False, default=1),
}
WORDS = {"descent_model": ("constant", "drag"), "format": ("json", "csv", "kml", "geojson")}
ROUTES: dict[str, tuple[dict[str, Any], dict[str, Number], dict[str, tuple[str, ...]]]] = {
    "/sim/elev": ({"lat": 10, "lon": 20}, PLACE, {}),
    "/sim/winds": (
        {"timestamp": FLIGHT["timestamp"], "lat": 10, "lon": 20, "model": 0},
        {**PLACE, "model": Number(0, 2, whole=True)},
        {},
    ),
    "/sim/singlezpb": (SINGLE, {**PLAN, "model": Number(0, 2, whole=True)}, WORDS),
    "/sim/spaceshot": (
        {**ENSEMBLE, "num_perturbations": 1},
        {**PLAN, "num_perturbations": Number(1, 100, whole=True, required=False, default=20)},
        {**WORDS, "wait": ("true", "false"), "detail": ("places", "full")},
    ),
    "/sim/zone": ({"lat": 10, "lon": 20}, PLACE, {}),
    "/sim/nearby": ({"lat": 10, "lon": 20}, PLACE, {}),
}
NOT_NUMBERS = {
    "nan": "nan",
    "negative nan": "-NaN",
    "infinity": "inf",
    "negative infinity": "-Infinity",
    "too big for a float": "1e400",
    "too small for a float": "-1e400",
    "empty": "",
    "blank": " ",
    "text": "north",
    "a number and more": "12abc",
    "two numbers": "1;2",
    "a decimal comma": "1,5",
    "hexadecimal": "0x1",
    "a truth": "true",
    "null": "null",
    "a list": "[1]",
    "a zero byte": "\0",
    "Arabic digits": "\u0661",  # noqa: RUF100
    "markup": "<script>alert(1)</script>",
    "10,000 letters": "x" * LONG,
    "10,000 digits": "9" * LONG,
}
NOT_WORDS = {"empty": "", "text": "pdf", "capitals": "JSON", "blank": " ", "10,000 letters": "x" * LONG}

EVERY_NUMBER = [(route, name) for route, (_, numbers, _) in ROUTES.items() for name in numbers]
EVERY_TIME = [(route, "timestamp") for route in ("/sim/singlezpb", "/sim/spaceshot", "/sim/winds")]
EVERY_WORD = [(route, name) for route, (_, _, words) in ROUTES.items() for name in words]


BY_NAME = ["/sim/result", "/sim/density", "/sim/progress-stream"]  # routes that take a request_id


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    store = publish_cycle(tmp_path_factory.mktemp("store"), span=1000 * 3600.0)
    return application(store, tmp_path_factory.mktemp("data")).test_client()


def refused(client: FlaskClient, route: str, query: str) -> str:
    """Return the sentence with which `route` answers 400 to `query`, and checks its form."""
    response = client.get(f"{route}?{query}")
    assert response.status_code == 400, response.text[:300]
    assert response.mimetype == "application/json"
    body = response.get_json()
    assert list(body) == ["error"]
    sentence: str = body["error"]
    assert len(sentence) < 200
    return sentence


def changed(route: str, name: str, value: object) -> str:
    """Return a good query of `route` but for one parameter."""
    return urlencode({**ROUTES[route][0], name: value})


def names_itself_and_its_range(sentence: str, name: str, number: Number) -> bool:
    figures = set(re.findall(r"-?[0-9.]+", sentence))
    high = 50_000 if name in ("alt", "equil") else number.high
    return sentence.startswith(name) and {f"{number.low:g}", f"{high:g}"} <= figures


def test_every_parameter_that_is_documented_is_walked(client: FlaskClient) -> None:
    paths = get(client, "/openapi.json")["paths"]
    documented = {
        (route, parameter["name"])
        for route, operations in paths.items()
        for operation in operations.values()
        for parameter in operation["parameters"]
    }
    assert documented == {
        *EVERY_NUMBER,
        *EVERY_TIME,
        *EVERY_WORD,
        *((route, "request_id") for route in BY_NAME),
        ("/sim/places", "q"),
    }


@pytest.mark.parametrize(("route", "name"), EVERY_NUMBER)
def test_the_edges_of_a_range_are_inside_and_what_is_past_them_is_not(
    client: FlaskClient, route: str, name: str
) -> None:
    good, numbers, _ = ROUTES[route]
    number = numbers[name]
    get(client, route, good, **{name: repr(number.low)})
    get(client, route, {**good, **dict(number.with_high)}, **{name: repr(number.high)})
    for past in (number.too_low, number.too_high):
        sentence = refused(client, route, changed(route, name, repr(past)))
        assert names_itself_and_its_range(sentence, name, number), sentence


@pytest.mark.parametrize("text", NOT_NUMBERS.values(), ids=NOT_NUMBERS.keys())
@pytest.mark.parametrize(("route", "name"), EVERY_NUMBER + EVERY_TIME)
def test_what_is_no_number_is_refused_by_name(client: FlaskClient, route: str, name: str, text: str) -> None:
    sentence = refused(client, route, changed(route, name, text))
    if name == "timestamp":
        assert sentence.startswith("timestamp must be a number from 0 to 1e+11")
    else:
        assert names_itself_and_its_range(sentence, name, ROUTES[route][1][name]), sentence


@pytest.mark.parametrize(
    ("route", "name"), [pair for pair in EVERY_NUMBER if pair[1] in ("model", "num_perturbations")]
)
@pytest.mark.parametrize("text", ["1.5", "1e-9", "1e0"])
def test_what_must_be_whole_is_refused_where_it_is_not(
    client: FlaskClient, route: str, name: str, text: str
) -> None:
    assert "whole number" in refused(client, route, changed(route, name, text))


@pytest.mark.parametrize("text", NOT_WORDS.values(), ids=NOT_WORDS.keys())
@pytest.mark.parametrize(("route", "name"), EVERY_WORD)
def test_a_word_that_is_not_offered_is_refused_with_those_that_are(
    client: FlaskClient, route: str, name: str, text: str
) -> None:
    sentence = refused(client, route, changed(route, name, text))
    assert sentence == f"{name} must be {' or '.join(ROUTES[route][2][name])}"


@pytest.mark.parametrize(("route", "name"), EVERY_NUMBER + EVERY_TIME + EVERY_WORD)
def test_a_parameter_given_twice_is_refused_even_if_both_agree(
    client: FlaskClient, route: str, name: str
) -> None:
    good = {name: ROUTES[route][2].get(name, ["1"])[0], **ROUTES[route][0]}
    assert name in refused(client, route, urlencode([*good.items(), (name, good[name])]))


@pytest.mark.parametrize(
    ("route", "name"),
    [
        (route, name)
        for route, name in EVERY_NUMBER + EVERY_TIME
        if name not in ("coeff", "num_perturbations")
    ],
)
def test_a_required_parameter_that_is_missing_is_asked_for(
    client: FlaskClient, route: str, name: str
) -> None:
    rest = {key: value for key, value in ROUTES[route][0].items() if key != name}
    sentence = refused(client, route, urlencode(rest))
    assert sentence.startswith(f"{name} is missing")


@pytest.mark.parametrize(
    ("route", "name", "default"),
    [
        ("/sim/singlezpb", "coeff", 1),
        ("/sim/singlezpb", "descent_model", "constant"),
        ("/sim/singlezpb", "format", "json"),
        ("/sim/spaceshot", "coeff", 1),
        ("/sim/spaceshot", "descent_model", "constant"),
        ("/sim/spaceshot", "format", "json"),
        ("/sim/spaceshot", "num_perturbations", 20),
        ("/sim/spaceshot", "wait", "true"),
    ],
)
def test_an_optional_parameter_that_is_missing_is_its_default(
    client: FlaskClient, route: str, name: str, default: object
) -> None:
    rest = {key: value for key, value in ROUTES[route][0].items() if key != name}
    assert get(client, route, rest) == get(client, route, rest, **{name: default})


@pytest.mark.parametrize("route", BY_NAME)
@pytest.mark.parametrize(
    "text",
    ["", "abc", "A1B2C3D4E5F6", "a1b2c3d4e5f", "a1b2c3d4e5f60", "a1b2c3d4e5f6\n", "../../etc/pw", "x" * LONG],
)
def test_a_request_id_is_12_hexadecimal_digits(client: FlaskClient, route: str, text: str) -> None:
    sentence = refused(client, route, urlencode({"request_id": text}))
    assert sentence == "request_id must be 12 hexadecimal digits"


@pytest.mark.parametrize("route", BY_NAME)
def test_a_request_id_is_needed_once(client: FlaskClient, route: str) -> None:
    assert "missing" in refused(client, route, "")
    assert "more than once" in refused(client, route, "request_id=a1b2c3d4e5f6&request_id=a1b2c3d4e5f6")


def test_the_first_of_several_faults_is_named(client: FlaskClient) -> None:
    assert refused(client, "/sim/singlezpb", urlencode({**FLIGHT, "lat": 91, "lon": "x"})).startswith("lat")
