"""Routes about places and areas, for people who choose a launch or ask about a landing: none needs winds."""

from typing import Any

import orjson
import tzfpy
from flask import Blueprint, Response, request
from werkzeug.exceptions import RequestEntityTooLarge

from habsim import inside
from habsim.errors import InvalidRequestError, NotFoundError
from habsim.http import json_response
from habsim.places import gazetteer
from habsim.query import PlaceQuery, ResultQuery, TownQuery
from habsim.results import Results


def around(results: Results) -> Blueprint:
    """Return the routes; `results` are the finished ensembles."""
    blueprint = Blueprint("around", __name__, url_prefix="/sim")

    @blueprint.get("/places")
    def places() -> Response:
        query = TownQuery.parse(request.args.items(multi=True))
        return json_response({"places": [place.as_json() for place in gazetteer().search(query.q)]})

    @blueprint.get("/nearby")
    def nearby() -> Response:
        query = PlaceQuery.parse(request.args.items(multi=True))
        found = gazetteer().near(query.lat, query.lon)
        return json_response(
            {"places": [place.as_json() | {"distance_m": round(distance, 1)} for place, distance in found]}
        )

    @blueprint.get("/zone")
    def zone() -> Response:
        query = PlaceQuery.parse(request.args.items(multi=True))
        return json_response({"zone": tzfpy.get_tz(query.lon, query.lat)})

    @blueprint.post("/inside")
    def within() -> Response:
        body = _body()
        identity = ResultQuery.parse([("request_id", str(body.get("request_id", "")))]).request_id
        if "geometry" not in body:
            raise InvalidRequestError("geometry is missing: it must be a GeoJSON Polygon or MultiPolygon")
        drawn = inside.area(body["geometry"])
        answer = results.answer(identity)
        if answer is None:
            raise NotFoundError(f"there is no result {identity}, or no longer: ask for the ensemble again")
        return json_response(inside.shares(answer, drawn))

    return blueprint


def _body() -> dict[str, Any]:
    """Return the JSON object that was sent."""
    too_much = RequestEntityTooLarge(f"the request must have at most {inside.LARGEST} bytes")
    if (request.content_length or 0) > inside.LARGEST:
        raise too_much
    content = request.get_data()
    if len(content) > inside.LARGEST:
        raise too_much
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise InvalidRequestError(f"the request must be JSON: {error}") from error
    if not isinstance(body, dict):
        raise InvalidRequestError("the request must be a JSON object with request_id and geometry")
    return body
