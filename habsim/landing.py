"""Landing statistics: where an ensemble's flights come down, and how far apart.

The unit is the member, not the flight: every member weighs the same, however many of its flights landed, and
an area is drawn so that one more member would land in it with the chance of its level (see `density`).  It
holds a share of *simulated* landings; nothing says that the payload is there with that chance.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from shapely import Geometry

from habsim.arrays import Floats, Ints
from habsim.contour import geojson, islands
from habsim.density import member_density, weights_of
from habsim.earth import RADIUS, unit_vectors, wrap
from habsim.picture import Density, picture, png
from habsim.plane import Plane

__all__ = ["LEVELS", "Area", "Density", "LandingStatistics", "png", "statistics"]

LEVELS = (0.5, 0.9)


@dataclass(frozen=True, slots=True)
class Area:
    """Where a further member is expected to land with chance `level`.

    `share` is that of the landings at hand which lie inside, each member weighing the same.  It is mostly
    more than `level`, because the area was drawn around these very landings.
    """

    level: float
    share: float
    area_km2: float
    geometry: dict[str, Any]  # GeoJSON MultiPolygon


@dataclass(frozen=True, slots=True)
class LandingStatistics:
    """What an ensemble's landings have in common; places are (lat, lon) in degrees."""

    mean: tuple[float, float]
    likely: tuple[float, float]
    spread_m: float
    time_mean: float
    time_sd: float
    areas: tuple[Area, ...]  # by ascending level, each inside the next
    density: Density

    def as_json(self) -> dict[str, Any]:
        """Return the API's `landing`; of the density only the bounds."""
        return {
            "mean": _place(self.mean),
            "likely": _place(self.likely),
            "spread_m": round(self.spread_m, 1),
            "time": {"mean": round(self.time_mean, 2), "sd": round(self.time_sd, 2)},
            "areas": [
                {
                    "level": area.level,
                    "share": round(area.share, 4),
                    "area_km2": round(area.area_km2, 4),
                    "geometry": area.geometry,
                }
                for area in self.areas
            ],
            "density": {"bounds": self.density.bounds()},
        }


def statistics(lat: Floats, lon: Floats, time: Floats, member: Ints) -> LandingStatistics:
    """Return the statistics of landings at `lat`, `lon` (degrees) and `time`, by `member`; all of shape (n,).

    Any n and any number of members from 1 up.  Landings closer together than some 50 m get areas of about
    that size, the least width of the density's kernel.  Raises `ValueError` where n is 0.
    """
    if len(member) == 0:
        raise ValueError("there are no landings to describe")
    weights = weights_of(member)
    plane = Plane.about(lat, lon, weights)
    points = plane.project(lat, lon)
    density = member_density(points, member)
    outlines = islands(density.grid, [density.threshold(level) for level in LEVELS])
    likely_lat, likely_lon = plane.unproject(density.grid.mode())
    time_mean = float(weights @ time)
    return LandingStatistics(
        mean=plane.centre,
        likely=(float(likely_lat), float(wrap(likely_lon))),
        spread_m=_spread(lat, lon, plane, weights),
        time_mean=time_mean,
        time_sd=float(np.sqrt(weights @ (time - time_mean) ** 2)),
        areas=tuple(
            Area(level, _share(outline, points, weights), outline.area / 1e6, geojson(outline, plane))
            for level, outline in zip(LEVELS, outlines, strict=True)
        ),
        density=picture(density.grid, plane),
    )


def _share(outline: Geometry, points: Floats, weights: Floats) -> float:
    """Return the weight of the landings at `points` (m) that lie in `outline`."""
    shapely.prepare(outline)
    return min(1.0, float(weights @ shapely.contains_xy(outline, points)))


def _spread(lat: Floats, lon: Floats, plane: Plane, weights: Floats) -> float:
    """Return the root mean square of the great-circle distance (m) from the centre of `plane`."""
    vectors = unit_vectors(lat, lon) @ plane.axes.T
    distance = RADIUS * np.arctan2(np.hypot(vectors[:, 0], vectors[:, 1]), vectors[:, 2])
    return float(np.sqrt(weights @ distance**2))


def _place(lat_lon: tuple[float, float]) -> dict[str, float]:
    return {"lat": round(lat_lon[0], 6), "lon": round(float(wrap(round(lat_lon[1], 6))), 6)}
