"""A flat map of a cloud of places, in metres and true to area, wherever on Earth the cloud lies.

It is the Lambert azimuthal equal-area projection about the cloud's mean, turned so that x runs along the
cloud's longest axis; the date line and the poles are places like any other.
"""

from dataclasses import dataclass

import numpy as np

from habsim.arrays import Floats
from habsim.earth import RADIUS, lat_lon, unit_vectors, wrap


@dataclass(frozen=True, slots=True)
class Plane:
    """A projection; the rows of `axes` are the unit vectors of x, y and up at the place that is (0, 0)."""

    axes: Floats

    @classmethod
    def about(cls, lat: Floats, lon: Floats, weights: Floats) -> "Plane":
        """Return the plane of the places `lat`, `lon` (degrees, shape (n,)); `weights` sum to 1."""
        phi, lam = np.radians(lat_lon(weights @ unit_vectors(lat, lon)))
        east = [-np.sin(lam), np.cos(lam), 0.0]
        north = [-np.sin(phi) * np.cos(lam), -np.sin(phi) * np.sin(lam), np.cos(phi)]
        up = [np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)]
        level = cls(np.array([east, north, up]))
        points = level.project(lat, lon)
        _, vectors = np.linalg.eigh(points.T @ (points * weights[:, None]))
        along = vectors[:, 1]
        turn = np.array([[along[0], along[1], 0.0], [-along[1], along[0], 0.0], [0.0, 0.0, 1.0]])
        return cls(turn @ level.axes)

    @property
    def centre(self) -> tuple[float, float]:
        """The latitude and longitude (degrees) of (0, 0)."""
        lat, lon = lat_lon(self.axes[2])
        return float(lat), float(wrap(lon))

    def project(self, lat: Floats, lon: Floats) -> Floats:
        """Return (x, y) in metres of places in degrees, `lat` and `lon` broadcast to shape S; shape S + (2,).

        The antipode of the centre has no image; places within some metres of it are put on the map's rim.
        Source: Snyder (1987), Map projections: a working manual, USGS PP 1395, equations 24-2 to 24-4.
        """
        phi, lam = np.radians(lat), np.radians(lon)
        cosine, sine, level, height = np.cos(lam), np.sin(lam), np.cos(phi), np.sin(phi)
        x, y, up = (level * (a * cosine + b * sine) + c * height for a, b, c in self.axes)
        stretch = RADIUS * np.sqrt(2.0 / np.maximum(1.0 + up, 1e-12))
        return np.stack([x * stretch, y * stretch], -1)

    def unproject(self, points: Floats) -> tuple[Floats, Floats]:
        """Return (lat, lon) in degrees of `points` (m), shape S + (2,); the inverse of `project`."""
        flat = points / RADIUS
        squared = np.sum(flat * flat, -1, keepdims=True)
        shrink = np.sqrt(np.maximum(1.0 - squared / 4.0, 0.0))
        return lat_lon((flat * shrink) @ self.axes[:2] + (1.0 - squared / 2.0) * self.axes[2])
