"""A picture of the density of landings, to lay over a web map."""

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from habsim.arrays import Floats
from habsim.earth import wrap
from habsim.grid import Grid
from habsim.plane import Plane

PIXELS = 128  # along the longer side
LIMIT = 85.051129  # degrees, where web maps end: EPSG 3857, atan(sinh(pi))
LEAST = 0.05  # degrees of latitude that a picture spans, even of places beyond the limit
FAINT = 0.02  # of the peak; less is transparent
COLOURS = {  # share of the peak: red, green, blue, opacity
    0.0: (30, 60, 200, 0),
    0.25: (20, 150, 200, 120),
    0.5: (60, 180, 75, 150),
    0.75: (255, 165, 0, 180),
    1.0: (215, 25, 28, 205),
}


@dataclass(frozen=True, slots=True)
class Density:
    """The density of landings as a picture on the Mercator projection.

    `values` (row, column), 0 to 1, are of pixels; row 0 is northernmost.  Columns are equally spaced in
    longitude and rows in *Mercator* northing, not in latitude: both MapLibre's image source and Google's
    GroundOverlay stretch a picture evenly on their Mercator map, so it lies right there.  Bounds are the
    outer edges in degrees; `east` exceeds 180 where the picture crosses the date line, and nothing is drawn
    beyond 85.05 degrees, where such maps end.
    """

    south: float
    west: float
    north: float
    east: float
    values: Floats

    def bounds(self) -> dict[str, float]:
        """Return the four bounds by name, to 1e-6 degrees."""
        return {side: round(getattr(self, side), 6) for side in ("south", "west", "north", "east")}


def picture(grid: Grid, plane: Plane) -> Density:
    """Return `grid`, a density in `plane`, drawn on the Mercator projection."""
    south, west, north, east = _bounds(grid, plane)
    low, high = _northing(south), _northing(north)
    wide, tall = np.radians(east - west), high - low
    columns, rows = (max(1, round(PIXELS * side / max(wide, tall))) for side in (wide, tall))
    lon = west + (east - west) * (np.arange(columns) + 0.5) / columns
    northing = high - tall * (np.arange(rows) + 0.5) / rows
    lat = np.degrees(np.arctan(np.sinh(northing)))
    values = grid.at(plane.project(lat[:, None], lon)) / grid.peak
    return Density(south=south, west=west, north=north, east=east, values=values)


def png(density: Density) -> bytes:
    """Return `density` as a PNG: red and orange high, green and blue low, clear where negligible."""
    shades = np.round(density.values * 255.0).astype(np.uint8)
    image = Image.fromarray(shades)
    palette = _palette()
    image.putpalette(palette[:, :3].tobytes())
    stream = io.BytesIO()
    image.save(stream, "PNG", transparency=palette[:, 3].tobytes())
    return stream.getvalue()


def _palette() -> NDArray[np.uint8]:
    """Return red, green, blue and opacity of each shade, shape (256, 4)."""
    shades = np.arange(256) / 255.0
    channels = np.array(list(COLOURS.values())).T
    palette = np.stack([np.interp(shades, list(COLOURS), channel) for channel in channels], -1)
    palette[shades < FAINT, 3] = 0
    return np.round(palette).astype(np.uint8)


def _bounds(grid: Grid, plane: Plane) -> tuple[float, float, float, float]:
    """Return south, west, north and east (degrees) of the box about `grid`."""
    rows, columns = grid.values.shape
    across, up = np.arange(columns, dtype=float), np.arange(rows, dtype=float)
    x = np.concatenate([across, np.full(rows, columns - 1.0), across[::-1], np.zeros(rows)])
    y = np.concatenate([np.zeros(columns), up, np.full(columns, rows - 1.0), up[::-1]])
    lat, lon = plane.unproject(grid.place(np.stack([x, y], -1)))
    lon = np.unwrap(lon, period=360.0)
    turns = round((lon[-1] - lon[0]) / 360.0)
    if turns:  # around a pole, which is on the left
        lat, lon = np.append(lat, 90.0 * turns), np.array([-180.0, 180.0])
    west = float(wrap(lon.min()))
    south, north = min(float(lat.min()), LIMIT - LEAST), max(float(lat.max()), LEAST - LIMIT)
    return max(south, -LIMIT), west, min(north, LIMIT), west + float(np.ptp(lon))


def _northing(lat: float) -> float:
    """Return the Mercator northing (radians) of latitude `lat` (degrees)."""
    return float(np.arctanh(np.sin(np.radians(lat))))
