"""How many of an ensemble's landings lie in an area that a user drew.

An area is polygons, a polygon its rings: the outline, then holes.  A ring, (vertex, 2), has longitude and
latitude (degrees) of its corners and encloses what it goes round, however often it crosses itself.  The cost
is vertices times landings whatever is drawn; to make a ring that crosses itself valid costs the square of its
vertices, and gigabytes.
"""

from collections import defaultdict
from typing import Annotated, Any, Literal

import numpy as np
import orjson
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from habsim.arrays import Floats
from habsim.errors import InvalidRequestError

LARGEST = 100_000  # bytes of a request
MOST_VERTICES = 10_000
FARTHEST = 540.0  # degrees of longitude: an area drawn across the date line may go on beyond it
_BLOCK = 64  # edges looked at together

Area = list[list[Floats]]
_Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
_Position = Annotated[list[_Number], Field(min_length=2)]
_Ring = Annotated[list[_Position], Field(min_length=4)]
_Rings = Annotated[list[_Ring], Field(min_length=1)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class _Polygon(_Part):
    type: Literal["Polygon"]
    coordinates: _Rings

    def rings(self) -> list[_Rings]:
        return [self.coordinates]


class _MultiPolygon(_Part):
    type: Literal["MultiPolygon"]
    coordinates: Annotated[list[_Rings], Field(min_length=1)]

    def rings(self) -> list[_Rings]:
        return self.coordinates


class _Feature(_Part):
    type: Literal["Feature"]
    geometry: Annotated[_Polygon | _MultiPolygon, Field(discriminator="type")]

    def rings(self) -> list[_Rings]:
        return self.geometry.rings()


class _Features(_Part):
    type: Literal["FeatureCollection"]
    features: Annotated[list[_Feature], Field(min_length=1)]

    def rings(self) -> list[_Rings]:
        return [polygon for feature in self.features for polygon in feature.rings()]


_DRAWN: TypeAdapter[_Polygon | _MultiPolygon | _Feature | _Features] = TypeAdapter(
    Annotated[_Polygon | _MultiPolygon | _Feature | _Features, Field(discriminator="type")]
)


def area(geojson: Any) -> Area:
    """Return the area that `geojson` draws: a Polygon, a MultiPolygon, or features of these.

    Raises `InvalidRequestError` saying what is wrong.
    """
    try:
        drawn = _DRAWN.validate_python(geojson).rings()
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = "".join(f"[{key}]" if isinstance(key, int) else f" {key}" for key in first["loc"])
        raise InvalidRequestError(
            f"geometry must be a GeoJSON Polygon or MultiPolygon, or features of these:{where} {first['msg']}"
        ) from error
    polygons = [[np.array([position[:2] for position in ring]) for ring in rings] for rings in drawn]
    vertices = np.concatenate([ring for polygon in polygons for ring in polygon])
    if len(vertices) > MOST_VERTICES:
        raise InvalidRequestError(f"geometry must have at most {MOST_VERTICES} vertices, not {len(vertices)}")
    if np.any(np.abs(vertices) > [FARTHEST, 90.0]):
        raise InvalidRequestError("geometry must have [longitude, latitude] in degrees, from -90 to 90 north")
    return polygons


def contains(drawn: Area, lat: Floats, lon: Floats) -> NDArray[np.bool_]:
    """Return which places (degrees) `drawn` holds, once round the globe or not; same shape, (n,)."""
    held = np.zeros(lat.shape, bool)
    for outline, *holes in drawn:
        (west, south), (east, north) = outline.min(axis=0), outline.max(axis=0)
        for turned in (lon - 360.0, lon, lon + 360.0):
            near = np.flatnonzero((turned >= west) & (turned <= east) & (lat >= south) & (lat <= north))
            inside = _turns(outline, lat[near], turned[near]) != 0
            for hole in holes:
                inside &= _turns(hole, lat[near], turned[near]) == 0
            held[near] |= inside
    return held


def shares(answer: bytes, drawn: Area) -> dict[str, float | int]:
    """Return the share of landings inside `drawn`, each member weighing the same, and how many those are.

    `answer` is an ensemble's.  `members` have any landing inside.
    """
    landings = orjson.loads(answer)["heatmap_data"]
    lat, lon = (np.array([landing[axis] for landing in landings]) for axis in (0, 1))
    within = contains(drawn, lat, lon)
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


def _turns(ring: Floats, lat: Floats, lon: Floats) -> NDArray[np.intp]:
    """Return how often `ring` goes round each place, counter-clockwise less clockwise; same shape, (n,).

    Edges that pass east of a place count, up or down.  Source: Hormann and Agathos, The point in polygon
    problem for arbitrary polygons, Computational Geometry 20 (2001).
    """
    starts, ends = ring[:, :, np.newaxis], np.roll(ring, -1, axis=0)[:, :, np.newaxis]
    turns = np.zeros(lat.shape, np.intp)
    for first in range(0, len(ring), _BLOCK):
        block = slice(first, first + _BLOCK)
        (x0, y0), (x1, y1) = starts[block].swapaxes(0, 1), ends[block].swapaxes(0, 1)
        side = (x1 - x0) * (lat - y0) - (lon - x0) * (y1 - y0)  # positive where the place lies to the left
        turns += np.sum((y0 <= lat) & (lat < y1) & (side > 0.0), axis=0)
        turns -= np.sum((y1 <= lat) & (lat < y0) & (side < 0.0), axis=0)
    return turns
