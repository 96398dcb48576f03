"""The API's description (OpenAPI 3.1), made from the parameter models that the server parses by."""

from typing import Any

from habsim.inside import FARTHEST, LARGEST, MOST_VERTICES
from habsim.query import (
    EnsembleQuery,
    PlaceQuery,
    Query,
    ResultQuery,
    TownQuery,
    column_query,
    single_query,
)

VERSION = "1"
_RUN = (404, 503, 504)  # what can befall a run

Schema = dict[str, Any]

_POINT: Schema = {
    "type": "array",
    "items": {"type": "number"},
    "minItems": 4,
    "maxItems": 4,
    "description": "[lat, lon, alt, time]: degrees, degrees in [-180, 180), m, Unix seconds",
}
_POINTS: Schema = {"type": "array", "items": _POINT}
_PLACE: Schema = {
    "type": "object",
    "properties": {"lat": {"type": "number"}, "lon": {"type": "number"}},
    "required": ["lat", "lon"],
}
_ERROR: Schema = {
    "type": "object",
    "properties": {
        "error": {"type": "string", "description": "one sentence to act on"},
        "details": {"type": "string", "description": "outside production only"},
    },
    "required": ["error"],
}


def _object(**properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": list(properties)}


_AREA = _object(
    level={"type": "number"},
    share={"type": "number", "description": "of the simulated landings, each member weighing the same"},
    area_km2={"type": "number"},
    geometry={"type": "object", "description": "GeoJSON MultiPolygon"},
)
_LANDING = _object(
    mean=_PLACE,
    likely=_PLACE,
    spread_m={"type": "number", "description": "rms distance from the mean"},
    time=_object(mean={"type": "number"}, sd={"type": "number"}),
    areas={"type": "array", "items": _AREA},
    density=_object(bounds={"type": "object"}, image={"type": "string"}),
    water=_object(
        share={"type": "number", "description": "of the simulated landings, each member weighing the same"},
        members={"type": "integer", "description": "that have a landing in water"},
        of={"type": "integer"},
        covers={"type": "string"},
    ),
    elevation_m={"type": "number", "description": "of the ground at the most likely point"},
    from_launch=_object(distance_m={"type": "number"}, bearing_deg={"type": "number"}),
)
_NULLABLE_POINTS: Schema = {"anyOf": [_POINTS, {"type": "null"}]}
_STARTS: Schema = {"anyOf": [{"type": "array", "items": {"type": "integer"}}, {"type": "null"}]}
_ENSEMBLE = _object(
    paths={"type": "array", "items": _NULLABLE_POINTS, "description": "nominal flight of each member"},
    phases={"type": "array", "items": _STARTS, "description": "where coast and descent start in each path"},
    heatmap_data={
        "type": "array",
        "items": {"type": "array", "minItems": 3, "maxItems": 3},
        "description": '[lat, lon, "model_M" or "mc_M_P"] of each landing',
    },
    landings={
        "type": "array",
        "items": {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2},
        "description": "[alt, time] of each landing, in the order of heatmap_data",
    },
    request_id={"type": "string"},
    gefs={"type": "string"},
    demo={"type": "boolean"},
    failed_models={"type": "array", "items": {"type": "integer"}},
    partial={"type": "boolean"},
    landing=_LANDING,
)
_WHICH = _object(
    gefs={"type": "string"},
    start={"type": "number"},
    end={"type": "number"},
    age_s={"type": "number"},
    stale={"type": "boolean"},
    demo={"type": "boolean"},
    source={"type": "string"},
    elevation=_object(source={"type": "string"}, resolution_m={"type": "number"}),
)
_LEVEL: Schema = {"type": "array", "items": {"type": "number"}, "minItems": 3, "maxItems": 3}
_COLUMN = _object(levels={"type": "array", "items": _LEVEL, "description": "[alt, u, v], m and m/s"})
_PROGRESS = _object(
    request_id={"type": "string"},
    progress={"type": "string"},
    result={"type": "string"},
    completed={"type": "integer"},
    total={"type": "integer"},
    percentage={"type": "number"},
    status={"enum": ["loading", "simulating", "complete"]},
)
_STATUS = _object(
    status={"type": "string"},
    memory_mb={"type": "number", "description": "unique set size of the worker that answers"},
    simulator_cache_size={"type": "integer"},
    prediction_cache_size={"type": "integer"},
    active_requests={"type": "integer", "description": "ensembles computed now on this host"},
    gefs_cycle={"type": "string"},
    demo={"type": "boolean"},
    store={"type": "string"},
)
_CACHES = _object(
    simulator_cache={"type": "object"}, gefs_cache={"type": "object"}, prediction_cache={"type": "object"}
)
_TOWN: dict[str, Schema] = {
    "name": {"type": "string"},
    "admin": {"type": "string", "description": "the state in the USA, else empty"},
    "country": {"type": "string", "description": "ISO 3166 code"},
    "lat": {"type": "number"},
    "lon": {"type": "number"},
    "population": {"type": "integer"},
}
_TOWNS = _object(places={"type": "array", "items": _object(**_TOWN)})
_NEARBY = _object(places={"type": "array", "items": _object(**_TOWN, distance_m={"type": "number"})})
_INSIDE = _object(
    share={"type": "number", "description": "of the simulated landings, each member weighing the same"},
    landings={"type": "integer", "description": "inside"},
    of={"type": "integer"},
    members={"type": "integer", "description": "that have a landing inside"},
    members_of={"type": "integer"},
)
_POSITIONS: Schema = {
    "type": "array",
    "items": {
        "type": "array",
        "prefixItems": [
            {"type": "number", "minimum": -FARTHEST, "maximum": FARTHEST},
            {"type": "number", "minimum": -90, "maximum": 90},
        ],
        "items": False,
        "minItems": 2,
    },
    "minItems": 4,
}
_DRAWN = _object(
    request_id={"type": "string", "pattern": "^[0-9a-f]{12}$"},
    geometry={
        **_object(
            type={"const": "Polygon"}, coordinates={"type": "array", "items": _POSITIONS, "minItems": 1}
        ),
        "description": "a GeoJSON Polygon, MultiPolygon, Feature or FeatureCollection of these, of at most "
        f"{MOST_VERTICES} vertices; longitudes may go on beyond 180 degrees",
    },
)
_CYCLE_CHANGE = _object(gefs={"type": "string"}, changed={"type": "boolean"})


def document(members: int) -> Schema:
    """Return the description of a server with that many members."""
    flight = {"type": "array", "items": _POINTS, "description": "ascent, coast and descent"}
    paths = {
        "/sim/singlezpb": _get("One flight", flight, single_query(members), True, (404, 503)),
        "/sim/spaceshot": _get(
            "The ensemble: every member, with launch variations", _ENSEMBLE, EnsembleQuery, True, _RUN[1:]
        ),
        "/sim/result": _get(
            "A finished ensemble, for an hour; until then its progress", _ENSEMBLE, ResultQuery, statuses=_RUN
        ),
        "/sim/progress-stream": _get(
            "Progress of an ensemble as server-sent events", "text/event-stream", ResultQuery, statuses=(404,)
        ),
        "/sim/density": _get(
            "The density of landings as a picture", "image/png", ResultQuery, statuses=(404,)
        ),
        "/sim/winds": _get("Winds over a place", _COLUMN, column_query(members), statuses=(404, 503)),
        "/sim/inside": {"post": _inside()},
        "/sim/places": _get("Towns by name (GeoNames, CC BY 4.0)", _TOWNS, TownQuery, statuses=()),
        "/sim/nearby": _get("The nearest towns within 50 km", _NEARBY, PlaceQuery, statuses=()),
        "/sim/zone": _get("Time zone of a place", _object(zone={"type": "string"}), PlaceQuery, statuses=()),
        "/sim/elev": _get("Ground elevation, m", _object(elevation={"type": "number"}), PlaceQuery),
        "/sim/models": _get(
            "Members of the current cycle",
            _object(models={"type": "array", "items": {"type": "integer"}}),
        ),
        "/sim/which": _get("The current cycle and where the data come from", _WHICH),
        "/sim/refresh": _get("Look for a new cycle now", _CYCLE_CHANGE)
        | {"post": _get("Look for a new cycle now", _CYCLE_CHANGE)["get"]},
        "/sim/status": _get("How the server does", _STATUS),
        "/sim/cache-status": _get("What is kept in memory and on disk", _CACHES),
        "/health": _get("Whether the process lives", _object(status={"type": "string"}), statuses=()),
        "/ready": _get(
            "Whether flights can be answered", _object(status={"type": "string"}, gefs={"type": "string"})
        ),
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "HABSIM",
            "version": VERSION,
            "license": {"name": "MIT", "identifier": "MIT"},
            "description": "Where a high-altitude balloon lands, and how sure that is. "
            "Metres above mean sea level, m/s, degrees, Unix seconds UTC; eqtime in hours.",
        },
        "paths": paths,
        "components": {
            "schemas": {"Error": _ERROR},
            "securitySchemes": {
                "password": {"type": "http", "scheme": "basic", "description": "any user name"},
                "token": {"type": "http", "scheme": "bearer", "description": "the password"},
            },
        },
        "security": [{}, {"password": []}, {"token": []}],
    }


def _get(
    summary: str,
    answer: Schema | str,
    query: type[Query] | None = None,
    files: bool = False,
    statuses: tuple[int, ...] = (503,),
) -> Schema:
    """Return the description of a GET route; an `answer` that is no JSON is given as its media type."""
    content: Schema = {answer: {}} if isinstance(answer, str) else {"application/json": {"schema": answer}}
    if files:
        for media in ("text/csv", "application/vnd.google-earth.kml+xml", "application/geo+json"):
            content[media] = {}
    responses: Schema = {"200": {"description": summary, "content": content}}
    errors = {
        400: "A parameter is wrong",
        403: "The server has a password: log in",
        404: "Not there, or no longer",
        429: "Too many wrong passwords",
        503: "No usable data, or too much to do",
        504: "The run hit its time limit with nothing to show",
    }
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    for status in ((400,) if query else ()) + (statuses and (403, 429)) + statuses:
        responses[str(status)] = {"description": errors[status], "content": error}
    if 504 in statuses:
        progress = {"application/json": {"schema": _PROGRESS}}
        responses["202"] = {"description": "Under way", "content": progress}
    return {"get": {"summary": summary, "parameters": _parameters(query), "responses": responses}}


def _inside() -> Schema:
    """Return the description of the question how many landings lie in an area."""
    described: Schema = _get("Share of an ensemble's landings in an area", _INSIDE, statuses=(404,))["get"]
    described["requestBody"] = {
        "required": True,
        "description": f"at most {LARGEST} bytes",
        "content": {"application/json": {"schema": _DRAWN}},
    }
    error = described["responses"]["404"]["content"]
    described["responses"] |= {
        "400": {"description": "The area is wrong", "content": error},
        "413": {"description": "The area is too large", "content": error},
    }
    return described


def _parameters(query: type[Query] | None) -> list[Schema]:
    if query is None:
        return []
    schema = query.model_json_schema()
    required = set(schema.get("required", ()))
    parameters = []
    for name, field in schema["properties"].items():
        unit = field.pop("x-unit", "")
        meaning = field.pop("description", "")
        field.pop("title", None)
        about = {"required": name in required, "description": f"{meaning}, {unit}" if unit else meaning}
        parameters.append({"name": name, "in": "query", **about, "schema": field})
    return parameters
