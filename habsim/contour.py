"""Areas: what a contour of a density encloses, as polygons in metres and as GeoJSON.

Several islands and holes are as good as one ring.  GeoJSON follows RFC 7946: rings closed, exteriors
counter-clockwise, holes clockwise, cut at the antimeridian (section 3.1.9); an area around a pole is closed
along the pole's edge of the map.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, cast

import numpy as np
import shapely
from contourpy import ContourGenerator, FillType, contour_generator
from shapely import Geometry, LinearRing, MultiPolygon, Polygon

from habsim.arrays import Floats, Ints
from habsim.earth import wrap
from habsim.grid import Grid
from habsim.plane import Plane

SMOOTHNESS = 0.05  # cells that a simplified ring may stray from the contour
LONGEST = 3.0  # degrees of longitude that an edge may span; it strays by 1 / 3000 of its way to the pole
DIGITS = 6  # of a degree in GeoJSON: a tenth of a metre
DIGIT = 10.0**-DIGITS
WORLD = shapely.box(-180.0, -90.0, 180.0, 90.0)


def islands(grid: Grid, thresholds: Sequence[float]) -> list[Geometry]:
    """Return, for each of `thresholds` (per m2), where `grid` is at least that, in metres of its plane."""
    generator = contour_generator(z=grid.values, fill_type=FillType.OuterOffset)
    return [_outline(generator, threshold, grid) for threshold in thresholds]


def _outline(generator: ContourGenerator, threshold: float, grid: Grid) -> Geometry:
    """Return the islands, each a shell and its holes: what `FillType.OuterOffset` lists together."""
    points, offsets = cast("tuple[list[Floats], list[Ints]]", generator.filled(threshold, np.inf))
    polygons = []
    for rings, ends in zip(points, offsets, strict=True):
        shell, *holes = np.split(rings, ends[1:-1])
        polygons.append(Polygon(shell, holes))
    return shapely.transform(shapely.simplify(MultiPolygon(polygons), SMOOTHNESS), grid.place)


def geojson(outline: Geometry, plane: Plane) -> dict[str, Any]:
    """Return `outline` (m in `plane`) as a GeoJSON MultiPolygon in degrees."""
    pieces = []
    for polygon in shapely.get_parts(outline):
        land = _on_map(polygon.exterior, plane)
        for hole in polygon.interiors:
            land = shapely.difference(land, _on_map(hole, plane))
        pieces.append(land)
    whole = shapely.orient_polygons(shapely.union_all(pieces, grid_size=DIGIT))
    polygons = [part for part in shapely.get_parts(whole) if isinstance(part, Polygon)]
    rings = [[_positions(ring) for ring in (part.exterior, *part.interiors)] for part in polygons]
    return {"type": "MultiPolygon", "coordinates": rings}


def _positions(ring: LinearRing) -> list[list[float]]:
    return [[lon, lat] for lon, lat in np.round(shapely.get_coordinates(ring), DIGITS).tolist()]


def _on_map(ring: LinearRing, plane: Plane) -> Geometry:
    """Return the inside of the closed `ring` (m) on the map from -180 to 180 degrees.

    What lies beyond one edge of the map comes back at the other.
    """
    unrolled = _unrolled(shapely.get_coordinates(ring if ring.is_ccw else ring.reverse()), plane)
    west, _, east, _ = unrolled.bounds
    if west >= -180.0 and east <= 180.0:
        return unrolled
    shifted = [shapely.transform(unrolled, partial(np.add, [360.0 * turn, 0.0])) for turn in (-1, 0, 1)]
    return shapely.union_all(shapely.intersection(shifted, WORLD), grid_size=DIGIT)


def _unrolled(points: Floats, plane: Plane) -> Polygon:
    """Return the counter-clockwise ring of `points` (m) in degrees, its longitude continuous.

    A ring that ends a whole turn from where it began goes around a pole, which is on its left, and is closed
    along the pole's edge of the map, from the vertex nearest to it: that way crosses nothing.
    """
    for _ in range(2):  # a part of an edge that passes by the pole may itself be long
        points = _refined(points, plane)
    lat, lon = plane.unproject(points)
    turns = round(np.sum(wrap(np.diff(lon))) / 360.0)
    if turns:
        nearest = int(np.argmax(lat * turns))
        lat, lon = (np.append(np.roll(degrees[:-1], -nearest), degrees[nearest]) for degrees in (lat, lon))
    lon = np.unwrap(lon, period=360.0)
    lat[-1], lon[-1] = lat[0], lon[0] + 360.0 * turns
    if turns:
        lat = np.append(lat, [90.0 * turns] * 2)
        lon = np.append(lon, [lon[-1], lon[0]])
    return Polygon(np.stack([lon, lat], -1))


def _refined(points: Floats, plane: Plane) -> Floats:
    """Return the line through `points` (m) with its edges divided where they span many degrees.

    Beside a pole an edge that is straight on the ground is not so on the map.
    """
    lon = plane.unproject(points)[1]
    parts = np.ceil(np.abs(wrap(np.diff(lon))) / LONGEST).astype(np.int64).clip(1)
    edge = np.repeat(np.arange(len(parts)), parts)
    number = np.arange(len(edge)) - (np.cumsum(parts) - parts)[edge]
    divided = points[edge] + np.diff(points, axis=0)[edge] * (number / parts[edge])[:, None]
    return np.concatenate([divided, points[-1:]])
