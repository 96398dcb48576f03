"""The Earth as the equations of motion see it: two radii, longitudes, directions.

Two radii, because two conventions meet: displacement uses the mean radius, altitude against model levels
uses the radius of the geopotential.
"""

import numpy as np

from habsim.arrays import Floats

RADIUS = 6_371_009.0  # m, mean radius R1 = (2a + b) / 3 of GRS 80; Moritz (2000), J. Geodesy 74
GEOPOTENTIAL_RADIUS = 6_356_766.0  # m, U.S. Standard Atmosphere 1976, equation 18


def geopotential(alt: Floats | float) -> Floats | float:
    """Return the geopotential height (m) of geometric altitude `alt` (m).

    Source: U.S. Standard Atmosphere, 1976, equation 18.
    """
    return GEOPOTENTIAL_RADIUS * alt / (GEOPOTENTIAL_RADIUS + alt)


def geometric(height: Floats | float) -> Floats | float:
    """Return the geometric altitude (m) of geopotential `height` (m); the inverse of `geopotential`."""
    return GEOPOTENTIAL_RADIUS * height / (GEOPOTENTIAL_RADIUS - height)


def wrap(lon: Floats | float) -> Floats:
    """Return longitude `lon` (degrees) in [-180, 180)."""
    wrapped = (np.asarray(lon) + 180.0) % 360.0 - 180.0
    return np.where(wrapped == 180.0, -180.0, wrapped)  # a hair west of -180 rounds to 180


def unit_vectors(lat: Floats, lon: Floats) -> Floats:
    """Return positions (degrees, shape S) as unit vectors, shape S + (3,)."""
    phi, lam = np.radians(lat), np.radians(lon)
    return np.stack([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)], -1)


def way(start: tuple[float, float], end: tuple[float, float]) -> tuple[float, float]:
    """Return distance (m) and initial bearing (degrees, from north eastward) of a great circle.

    `start` and `end` are (lat, lon) in degrees.  The bearing is 0 where there is no way.
    """
    (lat0, lon0), (lat1, lon1) = np.radians(start), np.radians(end)
    turn = lon1 - lon0
    north = np.cos(lat0) * np.sin(lat1) - np.sin(lat0) * np.cos(lat1) * np.cos(turn)
    east = np.cos(lat1) * np.sin(turn)
    along = np.sin(lat0) * np.sin(lat1) + np.cos(lat0) * np.cos(lat1) * np.cos(turn)
    distance = RADIUS * np.arctan2(np.hypot(north, east), along)
    return float(distance), float(np.degrees(np.arctan2(east, north)) % 360.0)


def lat_lon(vectors: Floats) -> tuple[Floats, Floats]:
    """Return (lat, lon) in degrees of `vectors`, shape S + (3,); they need not have length 1."""
    x, y, z = vectors[..., 0], vectors[..., 1], vectors[..., 2]
    return np.degrees(np.arctan2(z, np.hypot(x, y))), np.degrees(np.arctan2(y, x))
