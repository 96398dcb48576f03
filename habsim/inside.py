"""How many of an ensemble's landings lie in an area that a user drew."""

from collections import defaultdict
from typing import Any

import numpy as np
import orjson
import shapely
from shapely.errors import ShapelyError
from shapely.geometry import shape

from habsim.errors import InvalidRequestError

LARGEST = 100_000  # bytes of a request
MOST_VERTICES = 10_000
_KINDS = ("Polygon", "MultiPolygon")
FARTHEST = 540.0  # degrees of longitude: an area drawn across the date line may go on beyond it


def area(geojson: Any) -> shapely.Geometry:
    """Return the area that `geojson` draws: a Polygon, a MultiPolygon, or features of these, in degrees.

    A ring that crosses itself encloses what is within any of its turns.  Raises `InvalidRequestError` saying
    what is wrong.
    """
    try:
        parts = [shape(each) for each in _geometries(geojson)]
    except (ShapelyError, ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise InvalidRequestError(f"geometry is no valid GeoJSON: {error}") from error
    if any(part.is_empty for part in parts):
        raise InvalidRequestError("geometry is empty: it must have coordinates")
    vertices = np.concatenate([shapely.get_coordinates(part) for part in parts])
    if len(vertices) > MOST_VERTICES:
        raise InvalidRequestError(f"geometry must have at most {MOST_VERTICES} vertices, not {len(vertices)}")
    if not np.all(np.abs(vertices) <= [FARTHEST, 90.0]):  # nor NaN
        raise InvalidRequestError("geometry must have [longitude, latitude] in degrees, from -90 to 90 north")
    return shapely.union_all([shapely.make_valid(part, method="structure") for part in parts])


def shares(answer: bytes, drawn: shapely.Geometry) -> dict[str, float | int]:
    """Return the share of landings inside `drawn`, each member weighing the same, and how many those are.

    `answer` is an ensemble's.  `members` have any landing inside.
    """
    landings = orjson.loads(answer)["heatmap_data"]
    lat, lon = (np.array([landing[axis] for landing in landings]) for axis in (0, 1))
    shapely.prepare(drawn)
    within = np.zeros(len(landings), bool)
    for turn in (-360.0, 0.0, 360.0):
        within |= shapely.intersects_xy(drawn, lon + turn, lat)
    members: dict[str, list[bool]] = defaultdict(list)
    for (_, _, label), hit in zip(landings, within.tolist(), strict=True):
        members[label.split("_")[1]].append(hit)
    return {
        "share": round(float(np.mean([np.mean(hits) for hits in members.values()])), 4),
        "landings": int(within.sum()),
        "of": len(landings),
        "members": sum(map(any, members.values())),
        "members_of": len(members),
    }


def _geometries(geojson: Any) -> list[Any]:
    """Return the polygons of a geometry, a feature or a collection of features."""
    if geojson["type"] == "FeatureCollection":
        found = [each for feature in geojson["features"] for each in _geometries(feature)]
    else:
        found = [geojson["geometry"] if geojson["type"] == "Feature" else geojson]
    if not found or any(each["type"] not in _KINDS for each in found):
        raise InvalidRequestError("geometry must be a GeoJSON Polygon or MultiPolygon, or features of these")
    return found
