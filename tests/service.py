"""HABSIM's web application over a small store, as a client sees it."""

from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from habsim.settings import Settings
from tests.stores import CYCLE, HOUR

# A flight of 3000 s up and 3750 s down, from the sea, well inside the forecast.
FLIGHT: dict[str, Any] = {
    "timestamp": CYCLE.time + 6 * HOUR,
    "lat": 10.0,
    "lon": 20.0,
    "alt": 0.0,
    "equil": 15_000.0,
    "eqtime": 0.0,
    "asc": 5.0,
    "desc": 4.0,
}
SINGLE = {**FLIGHT, "model": 0}
ENSEMBLE = {**FLIGHT, "num_perturbations": 3}


def application(store: Path | None, data: Path, members: int = 3, **settings: Any) -> Flask:
    """Return the application over the folder `store`, or over nothing configured; its own files in `data`."""
    return create_app(Settings(data_dir=data, store=store, members=members, **settings))


def get(client: FlaskClient, route: str, parameters: dict[str, Any] | None = None, **changes: Any) -> Any:
    """Return the JSON of a successful answer to `route` with `parameters`, some of them changed."""
    response = client.get(route, query_string={**(parameters or {}), **changes})
    assert response.status_code == 200, response.text
    return response.get_json()


def error(client: FlaskClient, route: str, parameters: dict[str, Any], status: int, **changes: Any) -> str:
    """Return the sentence of the error that `route` answers with, which must have `status`."""
    response = client.get(route, query_string={**parameters, **changes})
    assert response.status_code == status, response.text
    assert response.mimetype == "application/json"
    sentence: str = response.get_json()["error"]
    return sentence
